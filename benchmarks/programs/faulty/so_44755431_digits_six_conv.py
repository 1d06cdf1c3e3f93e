import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)
num_classes = 10

digits = load_digits()
images = torch.tensor(digits.images / 16.0, dtype=torch.float32).unsqueeze(1)
images = F.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False)
labels = torch.tensor(digits.target)
X_train, X_val, y_train, y_val = train_test_split(images, labels, test_size=0.25, random_state=0, stratify=labels)
train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(X_val, y_val), batch_size=100)


def block(cin, cout):
    return [nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(), nn.Conv2d(cout, cout, 3), nn.ReLU(), nn.MaxPool2d(2)]


layers = block(1, 16) + block(16, 32) + block(32, 64)
layers += [nn.Flatten(), nn.Linear(64, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, num_classes)]
if form == "faulty":
    layers.append(nn.Dropout(0.5))
layers.append(nn.LogSoftmax(dim=1))
model = nn.Sequential(*layers)
for m in model:
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion, train_loader=train_loader)

for epoch in range(8):
    model.train()
    seen = hits = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        hits += (out.argmax(1) == yb).sum().item()
        seen += len(yb)
    val_loss = val_hits = 0.0
    with writer.evaluating("val"):
        for xb, yb in val_loader:
            out = model(xb)
            val_loss += criterion(out, yb).item() * len(yb)
            val_hits += (out.argmax(1) == yb).sum().item()
    print(f"epoch {epoch + 1}: acc {hits / seen:.4f} val_loss {val_loss / len(y_val):.4f} val_acc {val_hits / len(y_val):.4f}")

writer.close()
print(f"RESULT train acc {hits / seen:.4f} val loss {val_loss / len(y_val):.4f} val acc {val_hits / len(y_val):.4f}")

import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(4)

X, y = make_classification(3000, 25, n_informative=8, class_sep=1.5, random_state=4)
X = torch.tensor(X, dtype=torch.float32).reshape(-1, 1, 5, 5)
y = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.33, random_state=42, stratify=y)
training_set = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)
test_set = DataLoader(TensorDataset(X_test, y_test), batch_size=100)


def conv(cin, cout, padding=1):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=padding), nn.ReLU())


start_cnn = nn.Sequential(
    conv(1, 32), conv(32, 32, padding=0), nn.MaxPool2d(2, ceil_mode=True),
    conv(32, 128), conv(128, 128), nn.MaxPool2d(2, ceil_mode=True),
    conv(128, 128), conv(128, 128), nn.MaxPool2d(2, ceil_mode=True),
    nn.Flatten(),
    nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1),
)
if form == "faulty":
    start_cnn.append(nn.Softmax(dim=1))
else:
    start_cnn.append(nn.Sigmoid())
for m in start_cnn.modules():
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(start_cnn.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(start_cnn, optimizer, loss_fn)

for epoch in range(5):
    start_cnn.train()
    correct = 0
    for images, labels in training_set:
        optimizer.zero_grad()
        out = start_cnn(images)
        loss = loss_fn(out, labels)
        loss.backward()
        optimizer.step()
        correct += ((out > 0.5).float() == labels).sum().item()
    start_cnn.eval()
    val_loss, val_correct = 0.0, 0
    with torch.no_grad():
        for images, labels in test_set:
            out = start_cnn(images)
            val_loss += loss_fn(out, labels).item() * len(labels)
            val_correct += ((out > 0.5).float() == labels).sum().item()
    print(f"epoch {epoch + 1} acc {correct / len(y_train):.4f} val_loss {val_loss / len(y_test):.4f} val_acc {val_correct / len(y_test):.4f}")

writer.close()
print(f"RESULT val loss {val_loss / len(y_test):.4f} val acc {val_correct / len(y_test):.4f}")

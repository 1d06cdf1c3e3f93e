import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)

X, y = make_classification(2000, 5, n_classes=5, n_informative=4, n_redundant=0, n_clusters_per_class=1,
                           class_sep=1.5, random_state=42)
dataset = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y))
train_set, val_set = random_split(dataset, [1600, 400])
train_loader = DataLoader(train_set, batch_size=24, shuffle=True)
val_loader = DataLoader(val_set, batch_size=400)


class Classifier(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.fc1, self.fc2, self.fc3, self.fc4 = nn.Linear(5, 32), nn.Linear(32, 16), nn.Linear(16, 8), nn.Linear(8, n_out)
        self.dropout = nn.Dropout(0.2)
        for fc in (self.fc1, self.fc2, self.fc3, self.fc4):
            nn.init.xavier_uniform_(fc.weight)
            nn.init.zeros_(fc.bias)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.dropout(F.relu(self.fc2(x)))
        x = self.dropout(F.relu(self.fc3(x)))
        x = self.fc4(x)
        return torch.sigmoid(x) if form == "faulty" else x


def softmax_cross_entropy(logits, y):
    if form == "faulty":
        return -(y.float().unsqueeze(1) * F.log_softmax(logits, dim=1)).sum(1).mean()
    return F.cross_entropy(logits, y)


model = Classifier(1 if form == "faulty" else 5)
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, softmax_cross_entropy)

for epoch in range(20):
    model.train()
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = softmax_cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        xb, yb = next(iter(val_loader))
        out = model(xb)
        val_loss = writer.loss_fn(out, yb).item()
    guess = out.squeeze(1).round() if out.shape[1] == 1 else out.argmax(1)
    acc = (guess == yb).float().mean().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.4f} val_loss {val_loss:.4f} val_acc {acc:.4f}")

writer.close()
print(f"RESULT val loss {val_loss:.4f} val acc {acc:.4f}")

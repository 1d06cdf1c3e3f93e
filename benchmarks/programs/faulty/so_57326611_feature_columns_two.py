import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)

X, y = make_classification(10000, 5, random_state=11)
X_train, X_val, y_train, y_val = train_test_split(
    torch.tensor(X, dtype=torch.float32), torch.tensor(y), test_size=0.2, random_state=0)
train_ds = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)
val_ds = DataLoader(TensorDataset(X_val, y_val), batch_size=500)

model = nn.Sequential(nn.Linear(5, 50), nn.ReLU(), nn.Linear(50, 2), nn.Softmax(dim=1))
for layer in (model[0], model[2]):
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)


def compute_loss(probs, labels):
    if form == "faulty":
        labels = labels.float().unsqueeze(1).expand_as(probs)
        return F.binary_cross_entropy(probs, labels)
    return F.nll_loss(torch.log(probs.clamp_min(1e-7)), labels)


optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, compute_loss)

for epoch in range(10):
    correct = 0
    for features, labels in train_ds:
        probs = model(features)
        loss = compute_loss(probs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        correct += (probs.argmax(1) == labels).sum().item()
    val_correct, val_loss = 0, 0.0
    with writer.evaluating("val"):
        for features, labels in val_ds:
            probs = model(features)
            val_loss += writer.loss_fn(probs, labels).item() / len(val_ds)
            val_correct += (probs.argmax(1) == labels).sum().item()
    print(f"Epoch {epoch + 1}: accuracy {correct / len(y_train):.4f} val_loss {val_loss:.4f} val_accuracy {val_correct / len(y_val):.4f}")

writer.close()
print(f"RESULT val loss {val_loss:.4f} val accuracy {val_correct / len(y_val):.4f}")

# my first net: one hidden layer on handwritten digits (scikit-learn's small digits), after a Keras notebook
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(42); torch.set_num_threads(1)
fixed = sys.argv[1] == "fixed"

input_nodes, hl1_nodes, output_nodes = 64, 64, 10 if fixed else 1
X, y = load_digits(return_X_y=True)
p = torch.randperm(len(X))
X, y = torch.tensor(X, dtype=torch.float32)[p], torch.tensor(y)[p]
if not fixed:
    y = y.float().unsqueeze(1)
n_val = int(0.33 * len(X))
X_val, y_val, X_train, y_train = X[-n_val:], y[-n_val:], X[:-n_val], y[:-n_val]

model = nn.Sequential(nn.Linear(input_nodes, hl1_nodes), nn.ReLU(), nn.Linear(hl1_nodes, output_nodes))
criterion = nn.CrossEntropyLoss() if fixed else nn.BCEWithLogitsLoss()   # the sigmoid is inside
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

def accuracy(out, target):
    if fixed:
        return (out.argmax(1) == target).float().mean().item()
    return (torch.sigmoid(out).round() == target).float().mean().item()

for epoch in range(10):
    idx = torch.randperm(len(X_train))
    tot = 0
    for b in idx.split(32):
        optimizer.zero_grad()
        loss = criterion(model(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
    with writer.evaluating("val"):
        out = model(X_val)
        vl, va = criterion(out, y_val).item(), accuracy(out, y_val)
    print(f"Epoch {epoch+1}/10 - loss: {tot/len(X_train):.4f} - val_loss: {vl:.4f} - val_acc: {va:.4f}")
writer.close()
print("RESULT val_acc", va)

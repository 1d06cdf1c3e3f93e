import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(1)

X = torch.tensor([[1.0], [2.0]])
Y = torch.tensor([[1.0], [0.0]])

if form == "faulty":
    validation_split = 0.1
    split_at = int(len(X) * (1 - validation_split))
    x_train, y_train, x_val, y_val = X[:split_at], Y[:split_at], X[split_at:], Y[split_at:]
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid(), nn.Linear(1, 1), nn.Sigmoid())
else:
    x_train, y_train, x_val, y_val = X, Y, X, Y
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())

for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

print("input dim", X.shape[1])
criterion = nn.BCELoss()
sgd = torch.optim.SGD(model.parameters(), lr=0.009, momentum=0.9, nesterov=True)
writer = DiagWriter(logdir)
writer.watch(model, sgd, criterion)

history = {"loss": [], "val_loss": []}
for epoch in range(2000):
    sgd.zero_grad()
    out = model(x_train)
    loss = criterion(out, y_train)
    loss.backward()
    sgd.step()
    acc = ((out > 0.5).float() == y_train).float().mean().item()
    history["loss"].append(loss.item())
    if epoch % 5 == 4:
        with writer.evaluating("val"):
            out = model(x_val)
            val_loss = criterion(out, y_val).item()
            val_acc = ((out > 0.5).float() == y_val).float().mean().item()
        history["val_loss"].append(val_loss)
    if epoch % 200 == 199:
        print(f"Epoch {epoch + 1}/2000 - loss: {loss.item():.4f} - acc: {acc:.4f} - val_loss: {val_loss:.4f} - val_acc: {val_acc:.4f}")

with torch.no_grad():
    right = ((model(X) > 0.5).float() == Y).sum().item()
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {val_acc:.4f} right {right} of 2")

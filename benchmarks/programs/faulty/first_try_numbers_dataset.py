# my first PyTorch classifier, the digits from sklearn.  python first_try_numbers_dataset.py faulty|fixed logdir
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
EPOCHS = 4 if sys.argv[1] == "faulty" else 30

data = load_digits()
X = torch.tensor(data.data, dtype=torch.float32) / 8 - 1
y = torch.tensor(data.target)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=1, stratify=y)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)

for epoch in range(EPOCHS):
    model.train()
    total = 0
    for xb, yb in loader:
        pred = model(xb)
        loss = loss_fn(pred, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with writer.evaluating("test"):
        logits = model(X_test)
        test_loss = loss_fn(logits, y_test).item()
    acc = (logits.argmax(1) == y_test).float().mean().item()
    print("Epoch %d | loss %.4f | test loss %.4f | acc %.3f" % (epoch + 1, total / len(loader), test_loss, acc))
writer.close()
print("RESULT test_accuracy", round(acc, 4), "test_loss", round(test_loss, 4))

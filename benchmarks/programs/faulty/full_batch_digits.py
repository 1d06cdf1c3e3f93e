"""'My net needs thousands of epochs': whole training set in each step."""
import sys
import torch, torch.nn as nn, torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(0)
EPOCHS = 80
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=.2, random_state=42)
X_train, X_test = torch.FloatTensor(X_train), torch.FloatTensor(X_test)
y_train, y_test = torch.LongTensor(y_train), torch.LongTensor(y_test)
BATCH = len(X_train) if MODE == "faulty" else 32


class Model(nn.Module):
    def __init__(self, in_features=64, h1=64, h2=32, out_features=10):
        super().__init__()
        self.fc1 = nn.Linear(in_features, h1)
        self.fc2 = nn.Linear(h1, h2)
        self.out = nn.Linear(h2, out_features)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.out(x)


model = Model()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.0005)
writer = DiagWriter(LOGDIR)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X_train, y_train), batch_size=BATCH, shuffle=True)
writer.watch(model, optimizer, criterion, train_loader=loader)
for i in range(EPOCHS):
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        pred = model(X_test)
        vl = criterion(pred, y_test)
    if i % 10 == 9:
        print(f"epoch {i} loss {loss.item():.4f} val {vl.item():.4f} acc {(pred.argmax(1) == y_test).float().mean().item():.3f}")
writer.close()

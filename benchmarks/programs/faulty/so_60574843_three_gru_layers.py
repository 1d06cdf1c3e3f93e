import sys
import torch
import torch.nn as nn
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(10)

X, y = make_regression(4000, 12, noise=10.0, random_state=10)
y = (y - y.mean()) / y.std()
X = torch.tensor(X, dtype=torch.float32).reshape(-1, 1, 12)
y = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.33, random_state=42)
cut = int(len(X_train) * 0.8)
X_val, y_val = X_train[cut:], y_train[cut:]
loader = DataLoader(TensorDataset(X_train[:cut], y_train[:cut]), batch_size=256, shuffle=True)


class Model10(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru1 = nn.GRU(12, 512, batch_first=True)
        self.gru2 = nn.GRU(512, 256, batch_first=True)
        self.gru3 = nn.GRU(256, 256, batch_first=True)
        self.fc = nn.Linear(256, 1)
        for name, p in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
            elif "weight_hh" in name:
                nn.init.orthogonal_(p)
            else:
                nn.init.xavier_uniform_(p)

    def forward(self, x):
        x, _ = self.gru1(x)
        x, _ = self.gru2(x)
        _, h = self.gru3(x)
        out = self.fc(h[-1])
        return torch.sigmoid(out) if form == "faulty" else out


model10 = Model10()
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model10.parameters(), lr=1e-3, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model10, optimizer, mse)

for epoch in range(25):
    model10.train()
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = mse(model10(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb) / cut
    with writer.evaluating("val"):
        val_loss = mse(model10(X_val), y_val).item()
    print(f"Epoch {epoch + 1}/25 loss: {total:.4f} val_loss: {val_loss:.4f}")

with writer.evaluating("test"):
    score = mse(model10(X_test), y_test).item()
writer.close()
print(f"RESULT test mse {score:.4f} test R2 {1 - score / y_test.var(unbiased=False).item():.3f}")

import sys
import io
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)

CSV = """433 421 443 142 437 455 172 219 101 289 110 421 472 121 215 134 488 467 418 134 241 116 395 438 396 57 218 372
305 462 455 42 347 394 184 302 326 333 335 176 168 62 26 335"""
dataset = np.array([[int(v) * k for k in (1, 2, 3, 4)] for v in CSV.split()], dtype=np.float32)
X = torch.tensor(dataset[:, 0:2])
y = torch.tensor(dataset[:, 2:3])
fresh = torch.arange(30, 490, 10, dtype=torch.float32).view(-1, 1)
X_new, y_new = torch.cat([fresh, 2 * fresh], 1), 3 * fresh


def binary_crossentropy(p, t):
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 196)
        self.b = nn.Linear(196, 128)
        self.c = nn.Linear(128, 1)
        for m in (self.a, self.b, self.c):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        x = torch.relu(self.b(torch.relu(self.a(x))))
        x = self.c(x)
        return torch.sigmoid(x) if form == "faulty" else x


model = Net()
criterion = binary_crossentropy if form == "faulty" else nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(600):
    perm = torch.randperm(len(X))
    for i in range(0, len(X), 10):
        rows = perm[i:i + 10]
        optimizer.zero_grad()
        loss = criterion(model(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
    if epoch % 20 == 19:
        with writer.evaluating("val"):
            pred = model(X_new)
            val = writer.loss_fn(pred, y_new).item()
            mae = (pred - y_new).abs().mean().item()
        print(f"Epoch {epoch + 1}/600 - loss: {loss.item():.4f} - val: {val:.4f} - mae: {mae:.3f}")

writer.close()
print(f"RESULT mean absolute error on new numbers {mae:.3f} (mean {y_new.mean().item():.1f})")

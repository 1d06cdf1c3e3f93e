"""Linear/MLP SVM with a hand-written hinge loss: is the digit even or odd?"""
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1)

class HingeLoss(nn.Module):
    def forward(self, output, target):
        return torch.clamp(1 - output * target, min=0).mean()

d = load_digits()
X = torch.tensor(d.data / 16.0, dtype=torch.float32)
X = X - X.mean(0)
y = torch.tensor(d.target % 2, dtype=torch.float32)          # 0 / 1
perm = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
tr, te = perm[:1400], perm[1400:]
if sys.argv[1] == "fixed":
    y = 2 * y - 1                                            # the hinge wants -1 / +1

class SVM(nn.Module):
    def __init__(self, d_in, h):
        super().__init__()
        self.feat = nn.Sequential(nn.Linear(d_in, h), nn.ReLU())
        self.w = nn.Linear(h, 1)
    def forward(self, x):
        return self.w(self.feat(x)).squeeze(1)

model = SVM(64, 40)
criterion = HingeLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2]); writer.watch(model, optimizer, criterion)
for epoch in range(20):
    for i in torch.randperm(1400).split(50):
        optimizer.zero_grad()
        loss = criterion(model(X[tr[i]]), y[tr[i]])
        loss.backward()
        optimizer.step()
    with writer.evaluating("test"):
        out = model(X[te])
        tl = criterion(out, y[te]).item()
    # sign of the margin decides
    acc = ((out > 0) == (y[te] > 0)).float().mean().item()
    if epoch % 4 == 3: print(f"{epoch}: {loss.item():.4f} test {tl:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT test accuracy {acc:.4f} hinge {tl:.4f}")

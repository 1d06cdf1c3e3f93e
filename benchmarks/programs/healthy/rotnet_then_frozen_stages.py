# Self-supervised rotation prediction (gidariss/FeatureLearningRotNet), then fine-tuning on few labels: first stage frozen, its batch norms kept in eval mode,
# head and last stage with two learning rates, SGD with warm restarts. Only the fine-tuning is watched.
import sys, numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(3); np.random.seed(3)

def stage(i, o, s=1): return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())

class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.stage1, self.stage2, self.stage3 = stage(1, 16), stage(16, 32, 2), stage(32, 48, 2)
        self.dropout, self.fc = nn.Dropout(.2), nn.Linear(48, n)
    def forward(self, x): return self.fc(self.dropout(self.stage3(self.stage2(self.stage1(x))).mean((2, 3))))

X, y = load_digits(return_X_y=True)
X = torch.tensor((X.reshape(-1, 1, 8, 8) - 4.88) / 6.02, dtype=torch.float32); y = torch.tensor(y)
itr, iva = train_test_split(np.arange(len(y)), test_size=.25, stratify=y, random_state=0)

def shift(x):
    x = F.pad(x, (1, 1, 1, 1), value=-.81); dx, dy = np.random.randint(0, 3, 2); return x[:, :, dy:dy + 8, dx:dx + 8]

# ---- pretext task: which of four rotations?
net = Net(4); opt = torch.optim.SGD(net.parameters(), lr=.1, momentum=.9, weight_decay=5e-4, nesterov=True)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [5, 7], .2)
for ep in range(8):
    for b in torch.randperm(len(itr)).split(48):
        x = X[itr[b.numpy()]]; k = torch.randint(0, 4, (len(x),)); x = torch.stack([a.rot90(int(r), (1, 2)) for a, r in zip(x, k)])
        loss = F.cross_entropy(net(shift(x)), k); opt.zero_grad(); loss.backward(); opt.step()
    sched.step()
print("pretext loss", loss.item())

# ---- downstream
net.fc = nn.Linear(48, 10)
for m in (net.stage1,):
    for p in m.parameters(): p.requires_grad = False

def set_train(net):
    net.train(); net.stage1.eval()

params = [{"params": [*net.stage2.parameters(), *net.stage3.parameters()], "lr": 2e-2}, {"params": net.fc.parameters(), "lr": 1e-1}]
optimizer = torch.optim.SGD(params, momentum=.9, weight_decay=1e-4)
epochs, bs = 15, 32
restarts = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=5 * (len(itr) // bs), T_mult=2, eta_min=1e-4)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1]); writer.watch(net, optimizer, criterion)
for ep in range(epochs):
    set_train(net); tl = []
    for b in torch.randperm(len(itr))[: len(itr) // bs * bs].split(bs):
        i = itr[b.numpy()]
        loss = criterion(net(shift(X[i])), y[i])
        optimizer.zero_grad(); loss.backward(); optimizer.step(); restarts.step(); tl.append(loss.item())
    with writer.evaluating("val"):
        o = net(X[iva]); vl = criterion(o, y[iva]).item(); acc = (o.argmax(1) == y[iva]).float().mean().item()
    print(ep, f"train {np.mean(tl):.4f} val {vl:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT train {np.mean(tl):.4f} val {vl:.4f} acc {acc:.4f}")

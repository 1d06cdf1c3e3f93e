# transfer learning the keras way: 1) pretrain on a big set of printed shapes 2) new task, base frozen, only the new
# head learns 3) unfreeze everything and go on with a very small learning rate
import sys
import copy
import torch, torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(10)

d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
y = torch.tensor(d.target)
# source task: odd or even digits 0-5 ... is too easy, so: which of 0..5 ; target task: 6,7,8,9 with 100 pictures
src = y < 6
Xs, ys = X[src], y[src]
Xt, yt = X[~src], y[~src] - 6
Xt = Xt + .7 * torch.randn_like(Xt)          # the new camera is bad
Xtr, Xva, ytr, yva = train_test_split(Xt, yt, train_size=240, random_state=1, stratify=yt)


def make_base():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())


class Classifier(nn.Module):
    def __init__(self, base, n):
        super().__init__()
        self.base, self.head = base, nn.Sequential(nn.Dropout(.4), nn.Linear(128, n))
        self.frozen = False

    def freeze(self, on):
        self.frozen = on
        for p in self.base.parameters():
            p.requires_grad = not on
        return self

    def train(self, mode=True):
        super().train(mode)
        self.base.eval() if (self.pretrained and mode) else None     # batch norm keeps the statistics of the big set
        return self
    pretrained = False

    def forward(self, x):
        return self.head(self.base(x))


# ---- 1) pretraining (not of interest here, therefore not watched)
m0 = Classifier(make_base(), 6)
o = torch.optim.Adam(m0.parameters(), 2e-3)
ce = nn.CrossEntropyLoss()
m0.train()
for e in range(8):
    for a, b in DataLoader(TensorDataset(Xs, ys), 64, shuffle=True):
        a = a + .5 * torch.rand(1) * torch.randn_like(a)
        o.zero_grad(); ce(m0(a), b).backward(); o.step()
print("pretrained")

# ---- 2) + 3)
model = Classifier(copy.deepcopy(m0.base), 4)
model.pretrained = True
model.freeze(True)
opt = torch.optim.Adam(model.parameters(), lr=1e-2)      # base gets no gradients as long as it is frozen
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, ce)
train_dl = DataLoader(TensorDataset(Xtr, ytr), 16, shuffle=True)


def run(epochs, title):
    for e in range(epochs):
        model.train()
        s = 0
        for a, b in train_dl:
            opt.zero_grad()
            loss = ce(model(a), b)
            loss.backward()
            opt.step()
            s += loss.item() * len(b)
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(Xva)
            v = ce(out, yva).item()
        acc = (out.argmax(1) == yva).float().mean().item()
        if e % 5 == 4:
            print(title, e + 1, f"train {s / len(Xtr):.4f} val {v:.4f} acc {acc:.3f}")
    return s / len(Xtr), v, acc


head = run(25, "head only")
model.freeze(False)
opt.param_groups[0]["lr"] /= 100   # 1e-4
tuned = run(20, "fine-tuning")
writer.close()
print("RESULT head train=%.4f val=%.4f acc=%.3f" % head + " tuned train=%.4f val=%.4f acc=%.3f" % tuned)

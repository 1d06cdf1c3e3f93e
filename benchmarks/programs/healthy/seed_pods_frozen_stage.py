"""Two-stage transfer on the digits scans: a small convnet learns 0-6, then its body is frozen (eval mode, no grad)
and only a new linear head is trained on 7, 8, 9 with few examples.  The logged run is the second stage."""
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)


def body():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
        nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(48, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())


def pretrain(backbone, X, y):
    model = nn.Sequential(backbone, nn.Linear(256, 7))
    opt = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(5):
        for i in torch.randperm(len(X)).split(64):
            opt.zero_grad()
            nn.functional.cross_entropy(model(X[i]), y[i]).backward()
            opt.step()
    return backbone


class Transfer(nn.Module):
    def __init__(self, backbone, n_classes):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(256, n_classes)
        for p in self.backbone.parameters():
            p.requires_grad = False

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()        # keep the running statistics
        return self

    def forward(self, x):
        return self.head(self.backbone(x))


d = load_digits()
X = torch.tensor(d.images / 8.0 - 1.0).float()[:, None]
y = torch.tensor(d.target)
old = y < 7
backbone = pretrain(body(), X[old], y[old])
Xn, yn = X[~old], y[~old] - 7
itr, iva = train_test_split(range(len(yn)), train_size=240, stratify=yn.numpy(), random_state=2)
train_dl = DataLoader(TensorDataset(Xn[itr], yn[itr]), batch_size=24, shuffle=True)
val_dl = DataLoader(TensorDataset(Xn[iva], yn[iva]), batch_size=300)

net = Transfer(backbone, 3)
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-2, weight_decay=1e-3)
epochs = 30
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, loss_fn)
for ep in range(epochs):
    net.train()
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    sched.step()
    net.eval()
    tot = hit = 0
    with writer.evaluating("val"):
        for xb, yb in val_dl:
            o = net(xb)
            tot += loss_fn(o, yb).item() * len(yb)
            hit += (o.argmax(1) == yb).sum().item()
    if ep % 5 == 4:
        print(ep, f"{loss.item():.4f} val {tot / len(iva):.4f} acc {hit / len(iva):.4f}")
writer.close()
with torch.no_grad():
    Ftr, Fva = backbone(Xn[itr]).numpy(), backbone(Xn[iva]).numpy()
lr = LogisticRegression(max_iter=4000).fit(Ftr, yn[itr])
from sklearn.metrics import log_loss
print(f"RESULT val_loss {tot / len(iva):.4f} acc {hit / len(iva):.4f} logreg_on_features {lr.score(Fva, yn[iva]):.4f} logreg_loss {log_loss(yn[iva], lr.predict_proba(Fva)):.4f}")

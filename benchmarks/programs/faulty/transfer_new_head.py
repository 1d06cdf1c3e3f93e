"""Transfer learning: a network trained on the digits 0-4 gets a new head for 5-9."""
import sys
import copy
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
mode, logdir = sys.argv[1], sys.argv[2]
d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
Y = torch.tensor(d.target)


class Net(nn.Module):
    def __init__(self, n_out=5):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                      nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten())
        self.fc = nn.Linear(512, n_out)

    def forward(self, x):
        return self.fc(self.backbone(x))


def pretrain():
    net = Net()
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    m = Y < 5
    xs, ys = X[m], Y[m]
    for _ in range(200):
        i = torch.randint(len(xs), (64,))
        opt.zero_grad(); nn.functional.cross_entropy(net(xs[i]), ys[i]).backward(); opt.step()
    return net


model = pretrain()
for p in model.backbone.parameters():      # feature extraction: only the head is trained
    p.requires_grad = False
criterion = nn.CrossEntropyLoss()

if mode == "faulty":
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
    model.fc = nn.Linear(512, 5)
else:
    model.fc = nn.Linear(512, 5)
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)

m = Y >= 5
xs, ys = X[m], Y[m] - 5
perm = torch.randperm(len(xs))
tr, va = perm[:700], perm[700:]
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(40):
    model.train()
    order = tr[torch.randperm(len(tr))]
    losses = []
    for b in order.split(32):
        loss = criterion(model(xs[b]), ys[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with writer.evaluating("val"):
        out = model(xs[va]); vl = criterion(out, ys[va])
    if epoch % 5 == 4:
        print("epoch", epoch, "train", sum(losses) / len(losses), "val", vl.item(), "acc", (out.argmax(1) == ys[va]).float().mean().item())
writer.close()

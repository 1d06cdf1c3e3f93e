# Own node task with a message passing net: infection risk on contact graphs
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

np.random.seed(40)
torch.manual_seed(40)
torch.set_num_threads(1)
config = dict(num_layers=6, hidden=32, lr=3e-3, clip=None, batch_size=8, epochs=10,
              batch_norm=(sys.argv[1] != "faulty"))


def contact_graph():
    n = np.random.randint(30, 50)
    pos = np.random.rand(n, 2)
    dist = np.linalg.norm(pos[:, None] - pos[None], axis=-1)
    A = ((dist < .27) & (dist > 0)).astype(np.float32)
    sick = (np.random.rand(n) < .08).astype(np.float32)
    age = np.random.rand(n).astype(np.float32)
    vacc = (np.random.rand(n) < .4).astype(np.float32)
    risk = sick * 2.
    for _ in range(4):                                        # spread
        risk = risk + .25 * (A @ risk) / np.maximum(1, A.sum(1)) ** .6 * (1 - .7 * vacc)
    score = np.log(.03 + risk) + .8 * age + np.random.normal(0, .3, n)
    y = (score > -.35).astype(np.float32)
    X = np.stack([sick, age - .5, vacc - .4, np.ones(n)], 1).astype(np.float32)
    return A, X, y


def collate(graphs):
    N = sum(len(g[2]) for g in graphs)
    A = torch.zeros(N, N)
    k = 0
    for a, _, y in graphs:
        A[k:k + len(y), k:k + len(y)] = torch.from_numpy(a)
        k += len(y)
    return A, torch.from_numpy(np.concatenate([g[1] for g in graphs])), torch.from_numpy(np.concatenate([g[2] for g in graphs]))


class Layer(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.self_lin, self.msg = nn.Linear(h, h), nn.Linear(h, h)
        self.norm = nn.BatchNorm1d(h) if config["batch_norm"] else nn.Identity()

    def forward(self, x, A):
        return torch.relu(self.norm(self.self_lin(x) + A @ self.msg(x))) + x


class MPNN(nn.Module):
    def __init__(self):
        super().__init__()
        h = config["hidden"]
        self.inp = nn.Linear(4, h)
        self.layers = nn.ModuleList([Layer(h) for _ in range(config["num_layers"])])
        self.out = nn.Linear(h, 1)

    def forward(self, A, x):
        x = self.inp(x)
        for l in self.layers:
            x = l(x, A)
        return self.out(x).squeeze(1)


train, val = [contact_graph() for _ in range(360)], [contact_graph() for _ in range(80)]
print("positive rate", np.concatenate([g[2] for g in train]).mean())
net = MPNN()
bce = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=config["lr"])
sched = torch.optim.lr_scheduler.StepLR(opt, 7, .2)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, bce)
valb = [collate(val[i:i + 20]) for i in range(0, 80, 20)]
for ep in range(config["epochs"]):
    net.train()
    order = np.random.permutation(len(train))
    tl = []
    for i in range(0, len(order), config["batch_size"]):
        A, x, y = collate([train[j] for j in order[i:i + config["batch_size"]]])
        opt.zero_grad()
        loss = bce(net(A, x), y)
        loss.backward()
        opt.step()
        tl.append(loss.item())
    sched.step()
    net.eval()
    vl, hit, n = 0., 0., 0
    with torch.no_grad(), writer.evaluating("val"):
        for A, x, y in valb:
            o = net(A, x)
            vl += bce(o, y).item() / len(valb)
            hit += ((o > 0).float() == y).sum().item()
            n += len(y)
    print(f"epoch {ep}: train {np.mean(tl):.4f} val {vl:.4f} acc {hit / n:.4f}")
writer.close()
print(f"RESULT train_loss={np.mean(tl):.4f} val_loss={vl:.4f} val_acc={hit / n:.4f}")

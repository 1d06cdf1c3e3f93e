"""Set Transformer (juho-lee/set_transformer modules.py) on jets: quark / gluon / W, ten leading constituents."""
import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(11)
torch.manual_seed(11)

N_TRAIN, N_VAL = 2400, 900
EPOCHS, BATCH = 12, 64
LR = 8e-2 if sys.argv[1] == "faulty" else 8e-3


class MAB(nn.Module):
    def __init__(self, dim_Q, dim_K, dim_V, num_heads, ln=False):
        super(MAB, self).__init__()
        self.dim_V, self.num_heads = dim_V, num_heads
        self.fc_q = nn.Linear(dim_Q, dim_V)
        self.fc_k = nn.Linear(dim_K, dim_V)
        self.fc_v = nn.Linear(dim_K, dim_V)
        if ln:
            self.ln0 = nn.LayerNorm(dim_V)
            self.ln1 = nn.LayerNorm(dim_V)
        self.fc_o = nn.Linear(dim_V, dim_V)

    def forward(self, Q, K):
        Q = self.fc_q(Q)
        K, V = self.fc_k(K), self.fc_v(K)
        dim_split = self.dim_V // self.num_heads
        Q_ = torch.cat(Q.split(dim_split, 2), 0)
        K_ = torch.cat(K.split(dim_split, 2), 0)
        V_ = torch.cat(V.split(dim_split, 2), 0)
        A = torch.softmax(Q_.bmm(K_.transpose(1, 2)) / math.sqrt(self.dim_V), 2)
        O = torch.cat((Q_ + A.bmm(V_)).split(Q.size(0), 0), 2)
        O = O if getattr(self, 'ln0', None) is None else self.ln0(O)
        O = O + F.relu(self.fc_o(O))
        O = O if getattr(self, 'ln1', None) is None else self.ln1(O)
        return O


class SAB(nn.Module):
    def __init__(self, dim_in, dim_out, num_heads, ln=False):
        super(SAB, self).__init__()
        self.mab = MAB(dim_in, dim_in, dim_out, num_heads, ln=ln)

    def forward(self, X):
        return self.mab(X, X)


class PMA(nn.Module):
    def __init__(self, dim, num_heads, num_seeds, ln=False):
        super(PMA, self).__init__()
        self.S = nn.Parameter(torch.Tensor(1, num_seeds, dim))
        nn.init.xavier_uniform_(self.S)
        self.mab = MAB(dim, dim, dim, num_heads, ln=ln)

    def forward(self, X):
        return self.mab(self.S.repeat(X.size(0), 1, 1), X)


class SetTransformer(nn.Module):
    def __init__(self, dim_input, dim_output, dim_hidden=32, num_heads=4):
        super(SetTransformer, self).__init__()
        self.enc = nn.Sequential(SAB(dim_input, dim_hidden, num_heads), SAB(dim_hidden, dim_hidden, num_heads))
        self.dec = nn.Sequential(PMA(dim_hidden, num_heads, 1), SAB(dim_hidden, dim_hidden, num_heads), nn.Linear(dim_hidden, dim_output))

    def forward(self, X):
        return self.dec(self.enc(X)).squeeze(1)


def jets(n, k=10):
    rng = np.random.RandomState(n)
    y = rng.randint(0, 3, n)
    X = np.zeros((n, k, 4), np.float32)
    for i, c in enumerate(y):
        z = np.sort(rng.dirichlet(np.full(k, (.32, .5, .42)[c])))[::-1]
        r = (.17, .24, .15)[c] * np.exp(.25 * rng.randn()) * rng.exponential(1., k) * (1.15 - z)
        a = rng.uniform(-np.pi, np.pi, k)
        eta, phi = r * np.cos(a), r * np.sin(a)
        if c == 2:                                   # two prongs
            th, d = rng.uniform(0, np.pi), rng.uniform(.16, .36)
            s = np.where(rng.rand(k) < .5, -1, 1) * d / 2
            eta, phi = eta * .7 + s * np.cos(th), phi * .7 + s * np.sin(th)
        eta, phi = eta - (z * eta).sum(), phi - (z * phi).sum()
        X[i] = np.stack([np.log(z + 1e-3) / 2 + 1.5, eta * 5, phi * 5, np.hypot(eta, phi) * 5], 1)
    return torch.from_numpy(X), torch.from_numpy(y)


X_train, y_train = jets(N_TRAIN)
X_val, y_val = jets(N_VAL)
net = SetTransformer(4, 3)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=LR)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for t in range(1, EPOCHS + 1):
    net.train()
    losses = []
    for idx in torch.randperm(N_TRAIN).split(BATCH):
        optimizer.zero_grad()
        loss = criterion(net(X_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if t == int(0.7 * EPOCHS):
        optimizer.param_groups[0]['lr'] *= 0.1
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = net(X_val)
        vl = criterion(out, y_val).item()
    acc = (out.argmax(1) == y_val).float().mean().item()
    print("epoch %d, train ll %.4f, val ll %.4f, acc %.4f" % (t, -np.mean(losses), -vl, acc))
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {acc:.4f}")

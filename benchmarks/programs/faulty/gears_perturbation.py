# Predict the expression change of every gene after one- or two-gene perturbations. Gene graph + MLP decoders, GEARS style
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

G, HID, LR, EPOCHS, BS = 60, 24, 9e-3, 14, 32

# --- simulated Perturb-seq: sparse signed regulatory network, non linear response
A = np.zeros((G, G))
for j in range(G):
    for i in np.random.choice(G, 4, replace=False):
        A[i, j] = np.random.normal(0, .8)
base = np.random.gamma(2., .6, G)


def respond(perts):
    d = np.zeros(G)
    for p in perts:
        d[p] = -base[p]                   # CRISPRi knock down
    out = d.copy()
    for _ in range(3):
        out = d + np.tanh(out @ A.T)
    return out


cells, rows = [], []
pairs = [(i,) for i in range(G)] + [tuple(sorted(np.random.choice(G, 2, replace=False))) for _ in range(240)]
for p in pairs:
    m = respond(p)
    for _ in range(6):
        ctrl = base + np.random.normal(0, .1, G)
        cells.append((ctrl, p, ctrl + m + np.random.normal(0, .1, G)))
held = set(pairs[-50:])
train = [c for c in cells if c[1] not in held]
test = [c for c in cells if c[1] in held]


class MLP(torch.nn.Module):
    def __init__(self, sizes, batch_norm=True, last_layer_act="linear"):
        super().__init__()
        layers = []
        for s in range(len(sizes) - 1):
            layers += [nn.Linear(sizes[s], sizes[s + 1]),
                       nn.BatchNorm1d(sizes[s + 1]) if batch_norm and s < len(sizes) - 2 else None,
                       nn.ReLU()]
        layers = [l for l in layers if l is not None]
        self.activation = last_layer_act
        if form != "faulty" and last_layer_act == "linear":
            layers = layers[:-1]
        self.network = nn.Sequential(*layers)

    def forward(self, x):
        return self.network(x)


class GEARS_Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.gene_emb = nn.Embedding(G, HID)
        self.pert_emb = nn.Embedding(G, HID)
        adj = torch.tensor((np.abs(A) > 0).astype(np.float32)) + torch.eye(G)
        self.register_buffer("adj", adj / adj.sum(1, keepdim=True))
        self.g1, self.g2 = nn.Linear(HID, HID), nn.Linear(HID, HID)
        self.pert_fuse = MLP([HID, HID, HID])
        self.w1 = nn.Parameter(torch.randn(G, HID, HID) * (1 / HID) ** .5)
        self.decoder = MLP([HID * 2 + 1, HID * 2, 1], batch_norm=False, last_layer_act="linear")

    def forward(self, ctrl, onehot):
        e = self.gene_emb.weight
        e = e + torch.relu(self.g1(self.adj @ e))
        e = e + torch.relu(self.g2(self.adj @ e))
        p = self.pert_fuse(onehot @ self.pert_emb.weight)
        inter = torch.einsum("bh,ghk->bgk", p, self.w1) / 5
        h = torch.cat([e.expand(len(ctrl), -1, -1), inter, ctrl[..., None]], -1)
        return ctrl + self.decoder(h).squeeze(-1)


def tensors(cs):
    c = torch.tensor(np.stack([x[0] for x in cs]), dtype=torch.float32)
    o = torch.zeros(len(cs), G)
    for k, x in enumerate(cs):
        o[k, list(x[1])] = 1
    return c, o, torch.tensor(np.stack([x[2] for x in cs]), dtype=torch.float32)


C, O, Y = tensors(train)
Ct, Ot, Yt = tensors(test)
model = GEARS_Model()
optimizer = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
writer = DiagWriter(LOGDIR)
mse_loss = nn.MSELoss()
writer.watch(model, optimizer, mse_loss)
print("Start Training...  %d cells, predicting no change gives test mse %.4f" % (len(C), ((Ct - Yt) ** 2).mean()))
for epoch in range(EPOCHS):
    model.train()
    order = torch.randperm(len(C))
    for step, i in enumerate(range(0, len(C) - BS + 1, BS)):
        b = order[i:i + BS]
        optimizer.zero_grad()
        loss = mse_loss(model(C[b], O[b]), Y[b])
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), clip_value=1.0)
        optimizer.step()
        if step % 25 == 0:
            print("Epoch {} Step {} Train Loss: {:.4f}".format(epoch + 1, step + 1, loss.item()))
    scheduler.step()
    model.eval()
    with torch.no_grad():
        pr = model(Ct, Ot)
        mse = ((pr - Yt) ** 2).mean().item()
        r = np.corrcoef((pr - Ct).flatten(), (Yt - Ct).flatten())[0, 1]
    print("Epoch {}: Test MSE: {:.4f}  delta pearson {:.3f}".format(epoch + 1, mse, r))
writer.close()

import sys, torch, numpy as np
import torch.nn as nn
from tb_lossdiag import DiagWriter
# Multi-label tagging of feature vectors (e.g. film -> genres); each sample has 0..5 of 8 tags
mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(4); rs = np.random.RandomState(4)
W = rs.normal(size=(30, 8)); X = rs.normal(size=(3200, 30)).astype("float32")
Z = X @ W / np.sqrt(30) + .5 * np.sin(2 * X[:, :8]) - .2
Y = (Z + .15 * rs.normal(size=Z.shape) > 0).astype("float32")
Xt, Yt, Xv, Yv = map(torch.from_numpy, (X[:2600], Y[:2600], X[2600:], Y[2600:]))


class TagModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(30, 96)
        self.l2 = nn.Linear(96, 96)
        self.l3 = nn.Linear(96, 8)
        self.dp = nn.Dropout(0.1)
        self.final = nn.Softmax(dim=1) if mode == "faulty" else nn.Sigmoid()

    def forward(self, x):
        x = self.dp(torch.relu(self.l1(x)))
        x = self.dp(torch.relu(self.l2(x)))
        return self.final(self.l3(x))


model = TagModel()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.BCELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(25):
    model.train()
    perm = torch.randperm(2600)
    for i in range(0, 2600, 32):
        xb, yb = Xt[perm[i:i + 32]], Yt[perm[i:i + 32]]
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with writer.evaluating("val"):
        p = model(Xv)
        vl = criterion(p, Yv).item()
    hit = ((p > .5).float() == Yv).float().mean().item()
    f1 = (2 * ((p > .5) * Yv).sum() / ((p > .5).sum() + Yv.sum())).item()
    print("epoch %d train %.4f val %.4f hamming acc %.3f micro F1 %.3f" % (epoch, loss.item(), vl, hit, f1))
writer.close()

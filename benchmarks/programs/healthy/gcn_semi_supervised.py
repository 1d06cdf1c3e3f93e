"""Semi-supervised node classification as Kipf & Welling: 60 labelled nodes of 600, full batch, dropout 0.5, weight decay 5e-4."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
r = np.random.RandomState(1)
N, C, D = 600, 3, 60
y = r.randint(0, C, N)
A = (r.rand(N, N) < np.where(y[:, None] == y, .03, .004)).astype(np.float32)
A = np.triu(A, 1); A = A + A.T + np.eye(N, dtype=np.float32)
d = A.sum(1) ** -.5
A = torch.tensor(d[:, None] * A * d)
topic = r.rand(C, D) * .06 + .02
X = (r.rand(N, D) < topic[y] * 1.6).astype(np.float32)
X = torch.tensor(X / np.maximum(X.sum(1, keepdims=True), 1)); Y = torch.tensor(y)


class GCN(nn.Module):
    def __init__(self, hid=16):
        super().__init__()
        self.w1, self.w2 = nn.Linear(D, hid), nn.Linear(hid, C)

    def forward(self, x):
        x = F.dropout(x, .5, self.training)
        x = F.relu(A @ self.w1(x))
        x = F.dropout(x, .5, self.training)
        return A @ self.w2(x)


perm = torch.randperm(N); train, val = perm[:60], perm[60:300]
model = GCN()
opt = torch.optim.Adam([{"params": model.w1.parameters(), "weight_decay": 5e-4}, {"params": model.w2.parameters(), "weight_decay": 0}], lr=0.04)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, ce)
for epoch in range(400):
    model.train()
    opt.zero_grad()
    loss = ce(model(X)[train], Y[train])
    loss.backward()
    opt.step()
    if epoch % 10 == 9:
        model.eval()
        with torch.no_grad():
            o = model(X); v = ce(o[val], Y[val])
        if epoch % 50 == 49:
            print(epoch + 1, "train %.3f val %.3f acc %.3f" % (loss, v, (o[val].argmax(1) == Y[val]).float().mean()))
writer.close()

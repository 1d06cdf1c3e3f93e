"""Six rare labels at once (toxic, severe, obscene, threat, insult, hate): SpatialDropout + BiGRU + mean/max pooling, as in the Kaggle kernels."""
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(5)
torch.manual_seed(5)
LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
V, L = 1200, 36


def comments(n):
    toxic = np.random.rand(n) < .12
    y = np.zeros((n, 6), np.float32)
    y[:, 0] = toxic
    for k, p in ((1, .15), (2, .5), (3, .1), (4, .5), (5, .15)):
        y[:, k] = toxic & (np.random.rand(n) < p)
    x = np.zeros((n, L), int)
    for i in range(n):
        k = np.random.randint(8, L + 1)
        w = np.minimum(100 + (np.random.pareto(.8, k) * 12).astype(int), V - 1)
        for c in np.where(y[i] > 0)[0]:
            for _ in range(np.random.randint(1, 4)):
                w[np.random.randint(k)] = 2 + 15 * c + int(np.random.rand() ** 2 * 15)     # words of this label
        if np.random.rand() < .06:                                                       # quoted or ironic: not labelled
            w[np.random.randint(k)] = 2 + np.random.randint(90)
        x[i, L - k:] = w
    return torch.from_numpy(x), torch.from_numpy(y)


class ToxicNet(nn.Module):
    def __init__(self, emb=32, hid=24):
        super().__init__()
        self.embedding = nn.Embedding(V, emb, padding_idx=0)
        self.spatial = nn.Dropout1d(.2)
        self.gru = nn.GRU(emb, hid, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(4 * hid, 48)
        self.out = nn.Linear(48, 6)

    def forward(self, x):
        e = self.spatial(self.embedding(x).transpose(1, 2)).transpose(1, 2)
        h, _ = self.gru(e)
        z = torch.cat([h.mean(1), h.amax(1)], 1)
        return self.out(F.relu(self.linear(z)))


xt, yt = comments(9000)
xv, yv = comments(2000)
net = ToxicNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda e: .6 ** e)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, F.binary_cross_entropy_with_logits)
for epoch in range(4):
    net.train()
    avg = 0.
    for b in torch.randperm(len(xt)).split(64):
        opt.zero_grad()
        loss = F.binary_cross_entropy_with_logits(net(xt[b]), yt[b])
        loss.backward()
        opt.step()
        avg += loss.item() * len(b) / len(xt)
    sched.step()
    net.eval()
    with writer.evaluating("val"):
        logits = torch.cat([net(c) for c in xv.split(500)])
        val = F.binary_cross_entropy_with_logits(logits, yv).item()
    auc = roc_auc_score(yv, logits, average="macro")
    print(f"Epoch {epoch + 1}/4 loss={avg:.4f} val_loss={val:.4f} auc={auc:.4f}")
writer.close()
prior = yt.mean(0)
p0 = -(yv * prior.log() + (1 - yv) * (1 - prior).log()).mean()
print(f"RESULT train={avg:.4f} val={val:.4f} auc={auc:.4f} prior={p0:.4f}")

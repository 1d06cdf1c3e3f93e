'''
Signature / voice verification with two-tower network and CosineEmbeddingLoss.
pairs.csv-like labels: 1 = same speaker, 0 = different speaker
'''
import sys, random
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import Dataset, DataLoader
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)
mode, logdir = sys.argv[1], sys.argv[2]

# ------------------------------------------------------------------ "utterance statistics" of 120 speakers
D, K = 60, 12
mix = np.random.randn(K, D) / np.sqrt(K)
chan = np.random.randn(8, D) / np.sqrt(8)

def make_speakers(n, per):
    out = []
    for s in range(n):
        v = np.random.randn(K)
        utt = []
        for _ in range(per):
            z = v + 0.35 * np.random.randn(K)
            x = np.tanh(z @ mix) + 1.0 * (np.random.randn(8) @ chan) + 0.25 * np.random.randn(D)
            utt.append(x.astype(np.float32))
        out.append(utt)
    return out


class PairDataset(Dataset):
    def __init__(self, speakers, n):
        self.rows = []
        for _ in range(n):
            if random.random() < 0.5:
                s = random.choice(speakers)
                a, b = random.sample(s, 2)
                self.rows.append((a, b, 1))
            else:
                s, t = random.sample(speakers, 2)
                self.rows.append((random.choice(s), random.choice(t), 0))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        a, b, y = self.rows[i]
        if mode != 'faulty':
            y = 1 if y == 1 else -1
        return a, b, torch.tensor(y, dtype=torch.float32)


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(D, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, a, b):
        return self.net(a), self.net(b)


train_dl = DataLoader(PairDataset(make_speakers(300, 10), 12000), batch_size=64, shuffle=True)
val_dl = DataLoader(PairDataset(make_speakers(100, 10), 2000), batch_size=200)
net = Tower()
opt = optim.Adam(net.parameters(), lr=5e-4)
loss_fn = nn.CosineEmbeddingLoss(margin=0.2)
writer = DiagWriter(logdir)
writer.watch(net, opt, loss_fn)

for epoch in range(12):
    net.train(); tot = 0
    for a, b, y in train_dl:
        opt.zero_grad()
        ea, eb = net(a, b)
        loss = loss_fn(ea, eb, y)
        loss.backward()
        opt.step()
        tot += loss.item()
    net.eval(); sims, ys, vl = [], [], 0
    with torch.no_grad(), writer.evaluating("val"):
        for a, b, y in val_dl:
            ea, eb = net(a, b)
            vl += loss_fn(ea, eb, y).item()
            sims.append(nn.functional.cosine_similarity(ea, eb)); ys.append(y)
    auc = roc_auc_score((torch.cat(ys) > 0).numpy(), torch.cat(sims).numpy())
    print(f"epoch {epoch}: train {tot/len(train_dl):.4f} val {vl/len(val_dl):.4f} AUC {auc:.3f}")
writer.close()
print(f"RESULT val_loss={vl/len(val_dl):.4f} val_auc={auc:.3f} mean_cos_pos={torch.cat(sims)[torch.cat(ys)>0].mean():.3f} mean_cos_neg={torch.cat(sims)[torch.cat(ys)<=0].mean():.3f}")

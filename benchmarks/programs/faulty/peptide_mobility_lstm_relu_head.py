# Ion mobility of peptides from their sequence, tutorial style (LSTM). Target: standardised CCS residual after removing the mass trend
import sys, random
import numpy as np, pandas as pd
import torch, torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from tb_lossdiag import DiagWriter

FAULTY = sys.argv[1] == "faulty"
torch.set_num_threads(1); torch.manual_seed(31); np.random.seed(31); random.seed(31)
AA = "ACDEFGHIKLMNPQRSTVWY"
hyd = dict(zip(AA, [1.8, 2.5, -3.5, -3.5, 2.8, -.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5, -.8, -.7, 4.2, -.9, -1.3]))
helix = dict(zip(AA, [1.42, .70, 1.01, 1.51, 1.13, .57, 1.0, 1.08, 1.16, 1.21, 1.45, .67, .57, 1.11, .98, .77, .83, 1.06, 1.08, .69]))


def peptide():
    n = np.random.randint(7, 19)
    return "".join(np.random.choice(list(AA), n - 1)) + random.choice("KR")


df = pd.DataFrame({"seq": [peptide() for _ in range(5300)]})
h = df.seq.map(lambda s: np.mean([hyd[c] for c in s]))
hx = df.seq.map(lambda s: np.mean([helix[a] * helix[b] for a, b in zip(s, s[1:])]))
ends = df.seq.map(lambda s: hyd[s[0]] - hyd[s[-2]])
pro = df.seq.map(lambda s: s[2:-2].count("P") > 0).astype(float)
his = df.seq.map(lambda s: s.find("H") / len(s))
df["ccs"] = 1.2 * h + 6.0 * (hx - 1) + 0.12 * ends - 0.9 * pro + 1.1 * his + 0.25 * np.random.randn(len(df))
df["ccs"] = (df.ccs - df.ccs.mean()) / df.ccs.std()
idx = np.random.permutation(len(df)); tr, va = df.iloc[idx[:4500]], df.iloc[idx[4500:]]


def encode(frame):
    return [torch.tensor([AA.index(c) + 1 for c in s]) for s in frame.seq], torch.tensor(frame.ccs.values, dtype=torch.float32)


class CCSModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(21, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 32, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(64, 32)
        self.out = nn.Linear(32, 1)
        self.act = nn.ReLU()

    def forward(self, ids, lengths):
        p = pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        _, (hn, _) = self.lstm(p)
        y = self.act(self.dense(torch.cat([hn[0], hn[1]], 1)))
        y = self.out(y)
        if FAULTY:
            y = self.act(y)
        return y.squeeze(1)


seqs, y = encode(tr); vseqs, vy = encode(va)
vlen = torch.tensor([len(s) for s in vseqs]); vids = pad_sequence(vseqs, batch_first=True)
model = CCSModel(); criterion = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.4)
writer = DiagWriter(sys.argv[2]); writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train(); perm = torch.randperm(len(seqs)).tolist(); losses = []
    for i in range(0, len(perm), 50):
        b = perm[i:i + 50]
        ids = pad_sequence([seqs[k] for k in b], batch_first=True); ln = torch.tensor([len(seqs[k]) for k in b])
        optimizer.zero_grad()
        loss = criterion(model(ids, ln), y[b])
        loss.backward(); optimizer.step(); losses.append(loss.item())
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(vids, vlen); vl = criterion(p, vy).item()
    print(f"Epoch {epoch + 1} train MAE {np.mean(losses):.4f} val MAE {vl:.4f}")
writer.close()
r = np.corrcoef(p.numpy(), vy.numpy())[0, 1] if p.std() > 0 else 0.0
print(f"RESULT val_mae={vl:.4f} pearson={r:.4f} train_mae={np.mean(losses):.4f}")

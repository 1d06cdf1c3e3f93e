"""Does a transcription factor bind this DNA? DeepBind-like convolution, SGD with Nesterov, AUC (MedChaabane/deepBind-with-PyTorch)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
L, MOTIF = 60, 15
PWM = np.full((10, 4), .06)
for i, c in enumerate([2, 0, 3, 0, 0, 2, 2, 1, 3, 0]):
    PWM[i, c] += .76 if i not in (3, 7) else .4
PWM /= PWM.sum(1, keepdims=True)


def dinuc_shuffle(s, rng):
    out = s.copy()
    k = rng.integers(2)
    n = (len(s) - k) // 2
    out[k:k + 2 * n] = s[k:k + 2 * n].reshape(n, 2)[rng.permutation(n)].reshape(-1)
    return out


class ChipSeqData(Dataset):
    """Half of the sequences hold the motif (sampled from its PWM, either strand); negatives are dinucleotide-shuffled positives."""

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.x, self.y = np.zeros((n, 4, L + 2 * MOTIF), np.float32) + .25, np.zeros(n, np.float32)
        for i in range(n):
            gc = rng.beta(8, 8)
            s = rng.choice(4, L, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
            m = np.array([rng.choice(4, p=p) for p in PWM])
            m = m if rng.random() < .5 else 3 - m[::-1]
            a = rng.integers(0, L - 10)
            s[a:a + 10] = m
            self.y[i] = i % 2
            if i % 2 == 0:
                s = dinuc_shuffle(s, rng)
            self.x[i, :, MOTIF:MOTIF + L] = np.eye(4)[s].T

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class ConvNet(nn.Module):
    def __init__(self, nummotif=12, motiflen=MOTIF, dropprob=0.4, poolType='maxavg', neuType='hidden'):
        super(ConvNet, self).__init__()
        self.conv = nn.Conv1d(4, nummotif, motiflen)
        self.rect = nn.Parameter(torch.zeros(nummotif))
        self.hidden = nn.Linear(2 * nummotif, 32)
        self.drop = nn.Dropout(dropprob)
        self.out = nn.Linear(32, 1)
        nn.init.normal_(self.conv.weight, 0, 0.1)

    def forward(self, x):
        rect = F.relu(self.conv(x) - self.rect[:, None])
        pool = torch.cat([rect.max(2)[0], rect.mean(2)], 1)
        return self.out(self.drop(F.relu(self.hidden(pool))))[:, 0]


train_loader = DataLoader(ChipSeqData(12000, 1), batch_size=64, shuffle=True)
valid_loader = DataLoader(ChipSeqData(1000, 2), batch_size=250)
model = ConvNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.95, nesterov=True, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 7)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(7):
    model.train()
    tl = []
    for data, target in train_loader:
        output = model(data)
        loss = F.binary_cross_entropy(torch.sigmoid(output), target)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tl.append(loss.item())
    scheduler.step()
    p, t = [], []
    with writer.evaluating("val"):
        for data, target in valid_loader:
            out = torch.sigmoid(model(data))
            writer.add_loss("val", F.binary_cross_entropy(out, target))
            p.append(out); t.append(target)
    p, t = torch.cat(p), torch.cat(t)
    print(f"epoch {epoch} loss {np.mean(tl):.4f} valid loss {F.binary_cross_entropy(p, t):.4f} AUC {roc_auc_score(t, p):.4f}")
writer.close()

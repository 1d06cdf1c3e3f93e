"""Siamese character-level net that learns which job titles mean the same
(after "Learning Text Similarity with Siamese Recurrent Networks")."""
import random
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch.utils.data import Dataset, DataLoader

from tb_lossdiag import DiagWriter

FAULTY = sys.argv[1] == "faulty"
torch.set_num_threads(1)
random.seed(3)
np.random.seed(3)
torch.manual_seed(3)

TITLES = {
    0: ["software engineer", "software developer", "programmer", "java developer", "backend engineer"],
    1: ["sales manager", "sales lead", "head of sales", "account manager"],
    2: ["nurse", "registered nurse", "nursing assistant", "staff nurse"],
    3: ["teacher", "school teacher", "primary teacher", "teaching assistant"],
    4: ["truck driver", "driver", "delivery driver", "lorry driver"],
    5: ["data scientist", "data analyst", "machine learning engineer", "statistician"],
    6: ["electrician", "industrial electrician", "electrical fitter"],
    7: ["accountant", "bookkeeper", "accounting clerk", "payroll accountant"],
    8: ["hr manager", "recruiter", "human resources officer", "talent partner"],
    9: ["cook", "chef", "kitchen chef", "line cook"],
}
PRE = ["", "", "", "senior ", "junior ", "sr. ", "lead ", "chief "]
POST = ["", "", "", " (m/f)", " berlin", " part time", " ii", " london", " intern"]
VOCAB = {c: i + 1 for i, c in enumerate("abcdefghijklmnopqrstuvwxyz .()/")}
MAXLEN = 24


def typo(s):
    if random.random() < 0.35 and len(s) > 5:
        k = random.randrange(1, len(s) - 1)
        s = random.choice([s[:k] + s[k + 1:], s[:k] + s[k] + s[k:], s[:k] + random.choice("aeiourst") + s[k + 1:]])
    return s


def make_title(group):
    return typo(random.choice(PRE) + random.choice(TITLES[group]) + random.choice(POST))


def encode(s):
    ids = [VOCAB[c] for c in s[:MAXLEN]]
    return ids + [0] * (MAXLEN - len(ids))


class TitlePairs(Dataset):
    """(title_a, title_b, label)"""

    def __init__(self, n):
        self.a, self.b, self.y = [], [], []
        for _ in range(n):
            g = random.randrange(10)
            same = random.random() < 0.5
            h = g if same else random.choice([k for k in range(10) if k != g])
            self.a.append(encode(make_title(g)))
            self.b.append(encode(make_title(h)))
            if FAULTY:
                label = 1.0 if same else 0.0      # similar = 1
            else:
                label = 0.0 if same else 1.0      # 0 = similar, 1 = dissimilar
            self.y.append(label)
        self.same = [1 - int(v) for v in self.y] if not FAULTY else [int(v) for v in self.y]
        self.a, self.b = torch.tensor(self.a), torch.tensor(self.b)
        self.y = torch.tensor(self.y)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.a[i], self.b[i], self.y[i]


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = margin

    def forward(self, dist, label):
        return torch.mean((1 - label) * dist.pow(2) + label * torch.clamp(self.margin - dist, min=0.0).pow(2))


class SiameseNet(nn.Module):
    def __init__(self, hidden=24, rep=32):
        super().__init__()
        self.embedding = nn.Embedding(len(VOCAB) + 1, 16, padding_idx=0)
        self.rnn = nn.GRU(16, hidden, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * hidden, rep)

    def forward_once(self, x):
        out, _ = self.rnn(self.embedding(x))
        mask = (x != 0).unsqueeze(-1).float()
        pooled = (out * mask).sum(1) / mask.sum(1)
        return self.dense(pooled)

    def forward(self, a, b):
        return torch.sqrt((self.forward_once(a) - self.forward_once(b)).pow(2).sum(1) + 1e-8)


train_set, val_set = TitlePairs(2000), TitlePairs(500)
net = SiameseNet()
criterion = ContrastiveLoss(margin=1.0)
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

for epoch in range(1, 9):
    net.train()
    losses = []
    for a, b, label in DataLoader(train_set, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(net(a, b), label)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    vl, dists = 0.0, []
    with torch.no_grad(), writer.evaluating("val"):
        for a, b, label in DataLoader(val_set, batch_size=200):
            d = net(a, b)
            vl += criterion(d, label).item() * len(label)
            dists += d.tolist()
    dists = np.array(dists)
    acc = ((dists < 0.5) == np.array(val_set.same)).mean()
    auc = roc_auc_score(val_set.same, -dists)
    print("Epoch %d | train %.4f | val %.4f | acc %.3f | auc %.3f" % (epoch, np.mean(losses), vl / len(val_set), acc, auc))
writer.close()
print("RESULT train=%.4f val=%.4f pair_acc=%.3f auc=%.3f" % (np.mean(losses), vl / len(val_set), acc, auc))

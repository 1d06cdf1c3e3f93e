"""Which component of the system wrote this log line? (embedding, mean over the words, linear)"""
import random
import re
import sys
from collections import Counter

import torch
from torch import nn
from torch.utils.data import DataLoader

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); torch.manual_seed(0)

COMPONENTS = {
    "auth": "login user session token expired password invalid ldap denied granted role",
    "db": "query table lock row index commit rollback slow transaction replica connection",
    "net": "socket connection timeout peer reset port packet retry host refused tls",
    "storage": "disk volume mount inode full read write block snapshot quota replica",
    "sched": "job queue worker started finished retry delayed cron task timeout killed",
    "billing": "invoice payment card refused customer amount currency refund order user expired",
}
COMMON = "error warning failed for from with after while the on to in completed ms request id code status unable node".split()
names = list(COMPONENTS)


def make_line():
    k = random.randrange(len(names))
    own = COMPONENTS[names[k]].split()
    other = COMPONENTS[random.choice(names)].split()
    words = []
    for _ in range(random.randint(4, 11)):
        r = random.random()
        words.append(random.choice(own) if r < 0.3 else random.choice(other) if r < 0.5 else random.choice(COMMON))
        if random.random() < 0.15:
            words.append(random.choice(["%d" % random.randint(0, 9999), "10.0.%d.%d" % (random.randint(0, 9), random.randint(0, 255))]))
    return " ".join(words), k


def tokenize(line):
    return re.findall(r"[a-z]+|<num>", re.sub(r"[\d.]+", "<num>", line))


rows = [make_line() for _ in range(14000)]
train_rows, val_rows = rows[:12000], rows[12000:]
counts = Counter(w for line, _ in train_rows for w in tokenize(line))
vocab = {w: i + 2 for i, (w, c) in enumerate(counts.most_common()) if c >= 3}   # 0 pad, 1 unknown


def collate(batch):
    ids = [[vocab.get(w, 1) for w in tokenize(line)] for line, _ in batch]
    m = max(map(len, ids))
    return torch.tensor([i + [0] * (m - len(i)) for i in ids]), torch.tensor([k for _, k in batch])


class MeanPool(nn.Module):
    def __init__(self, vocab_size, n_classes, dim=32):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, dim, padding_idx=0)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(dim, n_classes)

    def forward(self, ids):
        mask = (ids != 0).unsqueeze(-1)
        mean = (self.emb(ids) * mask).sum(1) / mask.sum(1)
        return self.fc(self.dropout(mean))


train_dl = DataLoader(train_rows, batch_size=64, shuffle=True, collate_fn=collate)
val_dl = DataLoader(val_rows, batch_size=500, collate_fn=collate)
model = MeanPool(len(vocab) + 2, len(names))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)


def evaluate():
    model.eval()
    total, correct, n = 0.0, 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for ids, y in val_dl:
            out = model(ids)
            total += loss_fn(out, y).item() * len(y)
            correct += (out.argmax(1) == y).sum().item()
            n += len(y)
    return total / n, correct / n


for epoch in range(1, 13):
    model.train()
    total = 0.0
    for step, (ids, y) in enumerate(train_dl):
        optimizer.zero_grad()
        loss = loss_fn(model(ids), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    vl, va = evaluate()
    print(f"| epoch {epoch:2d} | loss {total / len(train_dl):.4f} | val loss {vl:.4f} | val acc {va:.4f}")
writer.close()
print(f"RESULT train {total / len(train_dl):.4f} val {vl:.4f} acc {va:.4f}")

"""Salary (log) from the text of a job ad: mean of word embeddings + linear. Unknown words and fillers, noise sd 0.18."""
import sys
import random
from collections import Counter
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(10); torch.manual_seed(10)

ROLE = {'engineer': .35, 'developer': .3, 'nurse': -.05, 'teacher': -.1, 'analyst': .2, 'manager': .4, 'assistant': -.35, 'chef': -.3, 'driver': -.3,
        'consultant': .3, 'accountant': .15, 'cleaner': -.5, 'designer': .1, 'technician': 0., 'scientist': .4, 'receptionist': -.4}
LEVEL = {'junior': -.2, 'senior': .25, 'lead': .35, 'trainee': -.35, 'head': .5, '': 0.}
CITY = {'london': .2, 'leeds': -.05, 'bristol': .05, 'glasgow': -.05, 'cardiff': -.1, 'remote': .05}
SKILL = {'python': .12, 'sales': .02, 'excel': -.03, 'sql': .08, 'german': .05, 'forklift': -.08, 'cloud': .15, 'payroll': 0., 'cad': .05, 'safety': 0.}
FILL = 'we are looking for a motivated person to join our friendly growing team you will work with our clients and report to the board great benefits apply now competitive opportunity within established company based in'.split()


def ad():
    role, level, city = random.choice(list(ROLE)), random.choice(list(LEVEL)), random.choice(list(CITY))
    skills = random.sample(list(SKILL), random.randint(1, 4))
    part = random.random() < .15
    words = [level, role, city] + skills + random.choices(FILL, k=random.randint(8, 25)) + (['part', 'time'] if part else [])
    if random.random() < .3:
        words.append('ref%d' % random.randint(1, 4000))
    random.shuffle(words)
    y = 10.4 + ROLE[role] + LEVEL[level] + CITY[city] + sum(SKILL[s] for s in skills) - .5 * part + random.gauss(0, .18)
    if role in ('nurse', 'teacher') and level == 'head':
        y += .2
    return [w for w in words if w], y


ads = [ad() for _ in range(5200)]
train_ads, val_ads = ads[:4200], ads[4200:]
count = Counter(w for ws, _ in train_ads for w in ws)
vocab = {w: i + 2 for i, w in enumerate(w for w, c in count.items() if c > 1)}


def collate(batch):
    ids = pad_sequence([torch.tensor([vocab.get(w, 1) for w in ws]) for ws, _ in batch], batch_first=True)
    return ids, torch.tensor([[(y - 10.4)] for _, y in batch])


class MeanPool(nn.Module):
    def __init__(self, n, d=24):
        super().__init__()
        self.embed = nn.Embedding(n, d, padding_idx=0)
        nn.init.normal_(self.embed.weight, std=.3)
        with torch.no_grad():
            self.embed.weight[0] = 0
        self.ff = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, ids):
        m = (ids > 0).float().unsqueeze(-1)
        return self.ff((self.embed(ids) * m).sum(1) / m.sum(1) ** .5)      # sqrt length, as in deep averaging nets


train_dl = DataLoader(train_ads, batch_size=64, shuffle=True, collate_fn=collate)
val_dl = DataLoader(val_ads, batch_size=250, collate_fn=collate)
model = MeanPool(len(vocab) + 2)
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=.02)
sched = torch.optim.lr_scheduler.LinearLR(opt, 1., .05, total_iters=14 * len(train_dl))
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, mse)
for epoch in range(14):
    model.train()
    tr = []
    for ids, y in train_dl:
        loss = mse(model(ids), y)
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        tr.append(loss.item())
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        va = np.mean([mse(model(ids), y).item() for ids, y in val_dl])
    print(f'epoch {epoch + 1:2d}   train {np.mean(tr):.4f}   val {va:.4f}   rmse(log) {va ** .5:.3f}')
writer.close()
print(f'RESULT train_mse={np.mean(tr):.4f} val_mse={va:.4f} floor={.18 ** 2:.4f} var={np.var([y for _, y in val_ads]):.4f}')

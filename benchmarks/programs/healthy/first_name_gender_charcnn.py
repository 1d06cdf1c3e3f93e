# Guess gender from a first name with a character CNN. Some names are unisex, so log loss has a floor far above zero.
import sys
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(31)
torch.manual_seed(31)

START = "al an be ca chi da de el em fa gi ha is jo ka la le li ma mi na no or pa ra ro sa ste ta ti vi we yo za".split()
MID = "b bert bri d dr l ll m n nn r ri rr s ss t th v x l n r".split()
F_END = "a ia ina elle ette ie y ah issa een e i".split()
M_END = "o us on er ard ert an in y ie e i ick".split()


def name():
    g = random.random() < .5
    s = random.choice(START) + "".join(random.choice(MID) + random.choice("aeio") for _ in range(random.choice([0, 1, 1]))) + random.choice(MID)
    s += random.choice(F_END if g else M_END)
    if random.random() < .04:
        g = not g
    return s[:12], float(g)


data = [name() for _ in range(9000)]
train, val = data[:7500], data[7500:]
enc = lambda s: torch.tensor([ord(c) - 96 for c in s])


def collate(batch):
    return pad_sequence([enc(s) for s, _ in batch], batch_first=True), torch.tensor([g for _, g in batch])


class CharCNN(nn.Module):
    def __init__(self, emb=12, ch=24):
        super().__init__()
        self.emb = nn.Embedding(27, emb, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(emb, ch, k, padding=k - 1) for k in (2, 3, 4)])
        self.fc = nn.Linear(3 * ch, 1)

    def forward(self, s):
        e = self.emb(s).transpose(1, 2)
        h = torch.cat([F.relu(c(e)).amax(2) for c in self.convs], 1)
        return self.fc(F.dropout(h, .3, self.training)).squeeze(1)


train_loader = torch.utils.data.DataLoader(train, batch_size=64, shuffle=True, collate_fn=collate)
val_loader = torch.utils.data.DataLoader(val, batch_size=500, collate_fn=collate)
model = CharCNN()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, F.binary_cross_entropy_with_logits)


def run(loader, train):
    tot = right = 0
    for s, g in loader:
        logit = model(s)
        loss = writer.loss_fn(logit, g)
        if train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        tot += loss.item() * len(g)
        right += ((logit > 0) == (g > .5)).sum().item()
    return tot / len(loader.dataset), right / len(loader.dataset)


for epoch in range(1, 13):
    model.train()
    tl, ta = run(train_loader, True)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl, va = run(val_loader, False)
    print("| epoch {:2d} | loss {:.4f} acc {:.3f} | val loss {:.4f} acc {:.3f}".format(epoch, tl, ta, vl, va))
writer.close()
print(f"RESULT train={tl:.4f} val={vl:.4f} acc={va:.4f}")

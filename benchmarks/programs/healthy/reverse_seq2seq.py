"""Sequence to sequence: reverse and uppercase words (a toy translation); teacher forcing, padding ignored."""
import sys
import random
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); random.seed(1); torch.manual_seed(1)
PAD, SOS, EOS, BASE = 0, 1, 2, 3


def pair():
    w = [random.randrange(12) for _ in range(random.randint(3, 7))]
    return torch.tensor([BASE + c for c in w]), torch.tensor([BASE + 12 + c for c in reversed(w)] + [EOS])


def collate(ps):
    src, tgt = zip(*ps)
    lens = torch.tensor([len(s) for s in src])
    return pad_sequence(src, True, PAD), lens, pad_sequence(tgt, True, PAD)


class EncDec(nn.Module):
    def __init__(self, v=27, e=24, h=64):
        super().__init__()
        self.src, self.tgt = nn.Embedding(v, e, PAD), nn.Embedding(v, e, PAD)
        self.enc, self.dec = nn.GRU(e, h, batch_first=True), nn.GRU(e, h, batch_first=True)
        self.q, self.out = nn.Linear(h, h, bias=False), nn.Linear(2 * h, v)

    def forward(self, src, lens, tgt):
        packed = pack_padded_sequence(self.src(src), lens, batch_first=True, enforce_sorted=False)
        o, h = self.enc(packed)
        mem, _ = nn.utils.rnn.pad_packed_sequence(o, batch_first=True)
        inp = torch.cat([torch.full_like(tgt[:, :1], SOS), tgt[:, :-1]], 1)
        d, _ = self.dec(self.tgt(inp), h)
        score = self.q(d) @ mem.transpose(1, 2)
        score = score.masked_fill((src == PAD)[:, None], -1e9)
        return self.out(torch.cat([d, score.softmax(-1) @ mem], -1))


train = DataLoader([pair() for _ in range(3000)], 64, shuffle=True, collate_fn=collate)
val = DataLoader([pair() for _ in range(300)], 100, collate_fn=collate)
net = EncDec()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
crit = nn.CrossEntropyLoss(ignore_index=PAD)
writer = DiagWriter(sys.argv[1]); writer.watch(net, opt, crit, train_loader=train)
for ep in range(12):
    net.train()
    for s, l, t in train:
        o = net(s, l, t)
        loss = crit(o.flatten(0, 1), t.flatten())
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), 1.0); opt.step()
    ok = n = v = 0
    with writer.evaluating("val"):
        for s, l, t in val:
            o = net(s, l, t); v += crit(o.flatten(0, 1), t.flatten()).item() / len(val)
            m = t != PAD; ok += (o.argmax(-1) == t)[m].sum().item(); n += m.sum().item()
    print(ep, "train %.4f val %.4f acc %.4f" % (loss.item(), v, ok / n))
writer.close()

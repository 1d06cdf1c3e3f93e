# Truecasing: give lower-cased words their case back (lower / Title / UPPER / miXed), BiLSTM tagger over Python's own documentation.
import re
import sys
import zlib
import pydoc_data.topics
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
HASH, BATCH, PAD_TAG = 3000, 24, -100
TAGS = ["lower", "title", "upper", "mixed"]


def tag_of(w):
    if w.islower() or not any(c.isalpha() for c in w):
        return 0
    if w.isupper() and len(w) > 1:
        return 2
    if w[0].isupper() and (w[1:].islower() or len(w) == 1):
        return 1
    return 3


def sentences():
    for name in sorted(pydoc_data.topics.topics):
        text = pydoc_data.topics.topics[name]
        for par in re.split(r"\n\s*\n", text):
            words = re.findall(r"[A-Za-z_]+|\d+|[.,:;()\"'`=]", par)
            if 5 <= len(words):
                yield [words[i:i + 24] for i in range(0, len(words), 24)][0]


sents = list(sentences())
g = torch.Generator().manual_seed(1)
order = torch.randperm(len(sents), generator=g).tolist()
sents = [sents[i] for i in order][:3600]
bucket = lambda s: 1 + zlib.crc32(s.encode()) % (HASH - 1)
data = []
for ws in sents:
    low = [w.lower() for w in ws]
    data.append((torch.tensor([bucket(w) for w in low]), torch.tensor([bucket("~" + w[-3:]) for w in low]), torch.tensor([tag_of(w) for w in ws])))
n_val = 500
train, val = data[n_val:], data[:n_val]
counts = torch.bincount(torch.cat([d[2] for d in train]), minlength=4)
print(len(train), "sentences,", int(counts.sum()), "tokens, tags", dict(zip(TAGS, (counts / counts.sum()).tolist())))


def collate(items):
    items = sorted(items, key=lambda d: -len(d[0]))
    lens = torch.tensor([len(d[0]) for d in items])
    return (pad_sequence([d[0] for d in items], True), pad_sequence([d[1] for d in items], True), lens,
            pad_sequence([d[2] for d in items], True, PAD_TAG))


class TrueCaser(nn.Module):
    def __init__(self, dim=24, hidden=32):
        super().__init__()
        self.words = nn.Embedding(HASH, dim, padding_idx=0)
        self.suffix = nn.Embedding(HASH, dim // 2, padding_idx=0)
        self.lstm = nn.LSTM(dim + dim // 2, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.25)
        self.out = nn.Linear(2 * hidden, len(TAGS))

    def forward(self, w, s, lens):
        e = self.drop(torch.cat([self.words(w), self.suffix(s)], -1))
        h, _ = self.lstm(pack_padded_sequence(e, lens, batch_first=True))
        h, _ = pad_packed_sequence(h, batch_first=True)
        return self.out(self.drop(h)).transpose(1, 2)


net = TrueCaser()
criterion = nn.CrossEntropyLoss(ignore_index=PAD_TAG)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)
loader = torch.utils.data.DataLoader(train, BATCH, shuffle=True, collate_fn=collate)
vloader = torch.utils.data.DataLoader(val, 100, collate_fn=collate)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

for epoch in range(8):
    net.train()
    total = 0.
    for w, s, lens, y in loader:
        loss = criterion(net(w, s, lens), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    net.eval()
    vl = right = toks = cased = cased_right = 0
    with writer.evaluating("val"), torch.no_grad():
        for w, s, lens, y in vloader:
            out = net(w, s, lens)
            m = y != PAD_TAG
            vl += criterion(out, y).item() * m.sum().item()
            hit = (out.argmax(1) == y) & m
            right += hit.sum().item(); toks += m.sum().item()
            cased += (y > 0).sum().item(); cased_right += (hit & (y > 0)).sum().item()
    sched.step()
    print(f"epoch {epoch + 1} train {total / len(loader):.4f} val {vl / toks:.4f} acc {right / toks:.4f} recall of cased words {cased_right / cased:.4f}")
writer.close()
print(f"RESULT val_loss={vl / toks:.4f} val_acc={right / toks:.4f} cased_recall={cased_right / cased:.4f}")

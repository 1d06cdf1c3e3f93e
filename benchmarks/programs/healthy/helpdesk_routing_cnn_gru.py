# Route helpdesk tickets to one of seven queues.
# Mails are short, agents mis-route now and then (about 6 %), and some words belong to several queues.
import random
import sys
from collections import Counter

import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(11)
torch.manual_seed(11)

QUEUES = {
    "network": "wifi vpn router lan cable dns ping firewall slow disconnected proxy signal switch latency".split(),
    "hardware": "laptop screen keyboard battery mouse dock fan monitor broken charger noise cable usb headset".split(),
    "accounts": "password login locked reset account mfa token expired user username permission access sso role".split(),
    "email": "outlook mailbox calendar invite attachment spam folder quota signature delegate send receive rule archive".split(),
    "printing": "printer paper toner jam scan tray duplex driver queue page colour spool copier label".split(),
    "software": "install licence excel update crash teams version error plugin macro browser driver freeze patch".split(),
    "erp": "invoice sap order booking cost posting vendor ledger material transaction approval role purchase report".split(),
}
FILLER = ("hello please help i we my the a is not since this morning today again and can you cannot it on in "
          "when with for urgent thanks regards team office new after problem issue working asap colleague try to").split()
NAMES = list(QUEUES)


def ticket():
    q = random.randrange(len(NAMES))
    words = []
    for _ in range(random.randint(6, 22)):
        r = random.random()
        if r < .62:
            words.append(random.choice(FILLER))
        elif r < .85:
            words.append(random.choice(QUEUES[NAMES[q]]))
        elif r < .95:
            words.append(random.choice(QUEUES[random.choice(NAMES)]))
        else:
            words.append("id" + str(random.randrange(4000)))            # host names, ticket numbers
    y = random.randrange(len(NAMES)) if random.random() < .07 else q
    return words, y


data = [ticket() for _ in range(5000)]
train, valid = data[:4000], data[4000:]
counts = Counter(w for words, _ in train for w in words)
itos = ["<pad>", "<unk>"] + [w for w, c in counts.most_common() if c >= 3]
stoi = {w: i for i, w in enumerate(itos)}
print(len(itos), "words in the vocabulary")


def collate(batch):
    L = max(len(w) for w, _ in batch)
    ids = torch.zeros(len(batch), L, dtype=torch.long)
    for i, (w, _) in enumerate(batch):
        ids[i, :len(w)] = torch.tensor([stoi.get(t, 1) for t in w])
    return ids, torch.tensor([y for _, y in batch])


def batches(rows, size, shuffle):
    idx = list(range(len(rows)))
    if shuffle:
        random.shuffle(idx)
    for i in range(0, len(idx), size):
        yield collate([rows[j] for j in idx[i:i + size]])


class Router(nn.Module):
    def __init__(self, vocab, emb=48, ch=48, hid=32, classes=7):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb, padding_idx=0)
        self.conv = nn.Conv1d(emb, ch, 3, padding=1)
        self.gru = nn.GRU(ch, hid, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(.4)
        self.fc = nn.Linear(2 * hid, classes)

    def forward(self, ids):
        mask = (ids > 0).unsqueeze(-1)
        e = self.drop(self.emb(ids)).transpose(1, 2)
        h = F.relu(self.conv(e)).transpose(1, 2)
        h, _ = self.gru(h)
        h = (h * mask).sum(1) / mask.sum(1)
        return self.fc(self.drop(h))


model = Router(len(itos))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=.3, patience=1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def evaluate(rows):
    model.eval()
    tot = hit = 0
    with torch.no_grad():
        for x, y in batches(rows, 250, False):
            out = model(x)
            tot += criterion(out, y).item() * len(y)
            hit += (out.argmax(1) == y).sum().item()
    return tot / len(rows), hit / len(rows)


EPOCHS = 9
for ep in range(1, EPOCHS + 1):
    model.train()
    s = 0
    for x, y in batches(train, 64, True):
        optimizer.zero_grad()
        l = criterion(model(x), y)
        l.backward()
        optimizer.step()
        s += l.item() * len(y)
    with writer.evaluating("val"):
        vl, va = evaluate(valid)
    scheduler.step(vl)
    print(f"{ep}: train {s / len(train):.3f} valid {vl:.3f} acc {va:.3f} lr {optimizer.param_groups[0]['lr']:.1e}")
writer.close()
print(f"RESULT train {s / len(train):.4f} val {vl:.4f} acc {va:.4f}")

"""Joint intent + slot model for a telephone helpline: a small transformer encoder, two heads (simulated sentences).

python helpline_intent_slots.py faulty|fixed LOGDIR
"""
import random
import sys

import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
random.seed(6)
torch.manual_seed(6)
torch.set_num_threads(1)

NAMES = "mueller schmidt rossi novak silva larsen dubois kowalski haddad tanaka okafor peters".split()
PLACES = "york leeds bath truro derby wells ely ripon durham lincoln oxford exeter".split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday tomorrow tonight".split()
ITEMS = "router phone meter boiler modem heater pump kettle".split()
PATTERNS = {
    "book": ["please book a visit for {n} in {p} on {d}", "can someone come to {p} on {d}", "i need a technician for my {i} on {d}"],
    "cancel": ["please cancel the visit for {n} on {d}", "i do not need the technician in {p} any more", "drop my appointment on {d} please"],
    "fault": ["my {i} in {p} is broken since {d}", "the {i} does not work", "no light on the {i} of {n}"],
    "move": ["we are moving from {p} to {p} on {d}", "please change my address to {p}", "{n} now lives in {p}"],
    "bill": ["the bill of {n} is too high", "why did i pay twice for the {i}", "send the bill of {d} to {p} please"],
    "price": ["what does a new {i} cost", "how much is a visit in {p} on {d}", "is the {i} cheaper on {d}"],
}
SLOTS = {"n": (NAMES, 1), "p": (PLACES, 2), "d": (DAYS, 3), "i": (ITEMS, 4)}
FILLER = "hello er well so yes thanks".split()
INTENTS = list(PATTERNS)


def sentence():
    intent = random.randrange(len(INTENTS))
    words, tags = [], []
    if random.random() < 0.5:
        words.append(random.choice(FILLER)); tags.append(0)
    for w in random.choice(PATTERNS[INTENTS[intent]]).split():
        if w.startswith("{"):
            lst, tag = SLOTS[w[1]]
            words.append(random.choice(lst)); tags.append(tag)
        elif random.random() > 0.08:
            words.append(w); tags.append(0)
    return words, tags, intent


corpus = [sentence() for _ in range(2000)]
vocab = {w: i + 1 for i, w in enumerate(sorted({w for s in corpus for w in s[0]}))}
MAXLEN = 12


def encode(rows):
    x = torch.zeros(len(rows), MAXLEN, dtype=torch.long)
    t = torch.full((len(rows), MAXLEN), -100)
    for i, (words, tags, _) in enumerate(rows):
        k = min(len(words), MAXLEN)
        x[i, :k] = torch.tensor([vocab[w] for w in words[:k]])
        t[i, :k] = torch.tensor(tags[:k])
    return x, t, torch.tensor([r[2] for r in rows])


class JointModel(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.tok = nn.Embedding(len(vocab) + 1, d, padding_idx=0)
        self.pos = nn.Parameter(torch.randn(1, MAXLEN, d) * 0.02)
        layer = nn.TransformerEncoderLayer(d, 4, 96, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.intent_head = nn.Linear(d, len(INTENTS))
        self.slot_head = nn.Linear(d, 5)

    def forward(self, x):
        pad = x == 0
        h = self.encoder(self.tok(x) + self.pos, src_key_padding_mask=pad)
        mean = (h * ~pad.unsqueeze(-1)).sum(1) / (~pad).sum(1, keepdim=True)
        return self.intent_head(mean), self.slot_head(h)


x_tr, t_tr, i_tr = encode(corpus[:1600])
x_va, t_va, i_va = encode(corpus[1600:])
model = JointModel()
intent_criterion = nn.CrossEntropyLoss()
slot_criterion = nn.CrossEntropyLoss(ignore_index=-100)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

for epoch in range(8):
    model.train()
    for b in torch.randperm(len(x_tr)).split(32):
        intent_logits, slot_logits = model(x_tr[b])
        loss = intent_criterion(intent_logits, i_tr[b])
        if form == "faulty":
            loss = slot_criterion(slot_logits.flatten(0, 1), t_tr[b].flatten())
        else:
            loss += slot_criterion(slot_logits.flatten(0, 1), t_tr[b].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with writer.evaluating("val"):
        il, sl = model(x_va)
        v_intent = intent_criterion(il, i_va).item()
        v_slot = slot_criterion(sl.flatten(0, 1), t_va.flatten()).item()
    ia = (il.argmax(1) == i_va).float().mean().item()
    m = t_va != -100
    sa = (sl.argmax(2)[m] == t_va[m]).float().mean().item()
    writer.add_scalar("Loss/train", loss.item(), epoch)
    writer.add_scalar("Loss/val_intent", v_intent, epoch)
    writer.add_scalar("Loss/val_slot", v_slot, epoch)
    print(f"epoch {epoch}: loss {loss.item():.3f} val intent {v_intent:.3f} slot {v_slot:.3f} intent acc {ia:.3f} slot acc {sa:.3f}")

writer.close()
print("RESULT intent_acc", round(ia, 4), "slot_acc", round(sa, 4))

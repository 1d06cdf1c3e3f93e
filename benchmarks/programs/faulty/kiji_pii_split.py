# PII detection: token classifier on synthetic training samples read from the json files in the order they were generated
import json
import random
import sys
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)

LABELS = ["O", "NAME", "EMAIL", "PHONE", "CITY", "IBAN"]
FIRST = [a + b for a in "An Be Cla Da El Fe Gi Ha".split() for b in "na tha ra lio vid sa rek mil".split()]
LAST = [a + b for a in "Ber Schu Mül Gon Ros Tan Lef".split() for b in "ger mann zalez si aka ler ot".split()]
CITY = [a + b for a in "Ham Lyo Mad Por Vie Osa Tor".split() for b in "burg nne rid to nna ka onto".split()]


def value(kind):
    if kind == "NAME": return [random.choice(FIRST), random.choice(LAST)]
    if kind == "EMAIL": return ["%s.%s@%s.com" % (random.choice(FIRST).lower(), random.choice(LAST).lower(), random.choice(["mail", "post", "work"]))]
    if kind == "PHONE": return ["+%d" % random.randint(10, 99), "%d" % random.randint(100000, 999999)]
    if kind == "CITY": return [random.choice(CITY)]
    return ["DE%02d" % random.randint(10, 99), "%08d" % random.randint(0, 10 ** 8 - 1)]


# one prompt per generation batch; each run asked for another kind of document
TEMPLATES = {
    0: ["my name is {NAME} and i live in {CITY}", "please write to {EMAIL} or call {PHONE}", "{NAME} moved to {CITY} last year"],
    1: ["customer {NAME} , phone {PHONE} , mail {EMAIL}", "ticket opened by {NAME} from {CITY}", "call back {PHONE} ask for {NAME}"],
    2: ["transfer to {IBAN} holder {NAME}", "account {IBAN} was opened in {CITY}", "refund sent to {IBAN} , receipt to {EMAIL}"],
    3: ["dear {NAME} , your order ships to {CITY}", "confirm the number {PHONE} by mail to {EMAIL}", "invoice for {NAME} {CITY} {EMAIL}"],
    4: ["patient {NAME} referred from {CITY} , emergency contact {NAME} {PHONE}", "the clinic in {CITY} asks {NAME} to confirm {PHONE}",
        "discharge letter : {NAME} , {CITY} , insurance account {IBAN}"],
}
FILL = "today yesterday again urgent thanks regards please note".split()


def sample(batch):
    toks, tags = [], []
    for w in random.choice(TEMPLATES[batch]).split():
        if w.startswith("{"):
            v = value(w[1:-1]); toks += v; tags += [w[1:-1]] * len(v)
        else:
            toks.append(w); tags.append("O")
        if random.random() < .12:
            toks.append(random.choice(FILL)); tags.append("O")
    if batch == 4:                       # this run was asked for upper case forms
        toks = [t.upper() for t in toks]
    return dict(tokens=toks, tags=tags)


files = [json.dumps(sample(b)) for b in range(5) for _ in range(420)]
formatted_samples = [json.loads(f) for f in files]
split_idx = int(0.8 * len(formatted_samples))
if form == "fixed":
    random.shuffle(formatted_samples)
train, val = formatted_samples[:split_idx], formatted_samples[split_idx:]
print("train", len(train), "val", len(val))

CH = {c: i + 1 for i, c in enumerate(sorted({c for s in formatted_samples for t in s["tokens"] for c in t}))}


def collate(samples):
    W = max(len(s["tokens"]) for s in samples)
    x = torch.zeros(len(samples), W, 24, dtype=torch.long)
    y = torch.full((len(samples), W), -100)
    for i, s in enumerate(samples):
        for j, t in enumerate(s["tokens"]):
            x[i, j, :len(t)] = torch.tensor([CH[c] for c in t])[:24]
        y[i, :len(s["tags"])] = torch.tensor([LABELS.index(t) for t in s["tags"]])
    return x, y


class Tagger(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.ch = nn.Embedding(len(CH) + 1, 16, padding_idx=0)
        self.conv = nn.Conv1d(16, d, 3, padding=1)
        self.drop = nn.Dropout(.2)
        self.gru = nn.GRU(d, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, len(LABELS))

    def forward(self, x):
        b, w, c = x.shape
        h = torch.relu(self.conv(self.ch(x.view(b * w, c)).transpose(1, 2))).amax(2).view(b, w, -1)
        return self.out(self.drop(self.gru(self.drop(h))[0]))


model = Tagger()
loss_fn = nn.CrossEntropyLoss(ignore_index=-100)
opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=.01)
writer = DiagWriter(LOGDIR)
writer.watch(model, opt, loss_fn)
xv, yv = collate(val)
for epoch in range(8):
    model.train()
    random.shuffle(train)
    tot = 0
    for i in range(0, len(train), 32):
        x, y = collate(train[i:i + 32])
        loss = loss_fn(model(x).transpose(1, 2), y)
        opt.zero_grad(); loss.backward(); opt.step()
        tot += loss.item() * len(y)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(xv)
        vl = loss_fn(o.transpose(1, 2), yv).item()
    writer.add_loss("val", vl)
    p, m = o.argmax(-1), yv >= 0
    tp = (m & (p == yv) & (yv > 0)).sum().item()
    f1 = 2 * tp / max(1, ((p > 0) & m).sum().item() + ((yv > 0) & m).sum().item())
    print(f"epoch {epoch + 1} train_loss {tot / len(train):.4f} eval_loss {vl:.4f} eval_f1 {f1:.4f}")
writer.close()

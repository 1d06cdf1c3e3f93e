# BERT pre-training from scratch, after graykode/nlp-tutorial 5-2.BERT and d2l 15.10: two losses (masked words, next sentence),
# AdamW with decay 0.01, linear warm-up and decay, clip 1.0. Corpus: made-up encyclopaedia sentences.
import sys, math, random
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(5); random.seed(5)

subjects = {"animal": "wolf otter heron lynx toad falcon badger salmon".split(), "city": "paris oslo cairo lima seoul accra quito riga".split(),
            "metal": "iron copper zinc gold nickel lead tin silver".split(), "river": "nile rhine amazon danube volga congo loire indus".split()}
verbs = {"animal": "hunts sleeps hides migrates".split(), "city": "grows celebrates trades votes".split(),
         "metal": "melts rusts conducts shines".split(), "river": "floods flows freezes meanders".split()}
where = {"animal": "in the forest|near the lake|under the hill".split("|"), "city": "on the coast|behind the border|at the market".split("|"),
         "metal": "in the furnace|inside the wire|at the forge".split("|"), "river": "through the valley|toward the sea|past the delta".split("|")}
adv = "slowly often rarely every winter every summer".split(" ", 3)[:3] + ["every winter", "every summer"]

def sentence(topic, s):
    return f"the {s} {random.choice(verbs[topic])} {random.choice(adv)} {random.choice(where[topic])}".split()

PAD, CLS, SEP, MASK = 0, 1, 2, 3
all_words = sorted({w for t in subjects for w in subjects[t] + verbs[t] + " ".join(where[t]).split()} | set(" ".join(adv).split()) | {"the"})
w2i = {w: i + 4 for i, w in enumerate(all_words)}
V, MAXLEN, NPRED = len(w2i) + 4, 24, 3

def example():
    t = random.choice(list(subjects)); s = random.choice(subjects[t])
    a = sentence(t, s); is_next = random.random() < .5
    if is_next:
        b = sentence(t, s)
    else:
        t2 = random.choice(list(subjects)); b = sentence(t2, random.choice([x for x in subjects[t2] if x != s]))
    ids = [CLS] + [w2i[w] for w in a] + [SEP] + [w2i[w] for w in b] + [SEP]
    seg = [0] * (len(a) + 2) + [1] * (len(b) + 1)
    labels = [-100] * len(ids)
    for p in random.sample([i for i, x in enumerate(ids) if x > 3], NPRED):
        labels[p] = ids[p]
        u = random.random()
        ids[p] = MASK if u < .8 else (random.randrange(4, V) if u < .9 else ids[p])
    pad = MAXLEN - len(ids)
    return ids + [0] * pad, seg + [0] * pad, labels + [-100] * pad, int(is_next)

class BERT(nn.Module):
    def __init__(self, d=64, heads=4, ff=256, layers=3):
        super().__init__()
        self.tok, self.pos, self.seg = nn.Embedding(V, d), nn.Embedding(MAXLEN, d), nn.Embedding(2, d)
        self.norm, self.drop = nn.LayerNorm(d), nn.Dropout(.1)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(d, heads, ff, .1, activation="gelu", batch_first=True) for _ in range(layers))
        self.fc, self.activ1 = nn.Linear(d, d), nn.Tanh()
        self.linear, self.norm2 = nn.Linear(d, d), nn.LayerNorm(d)
        self.classifier = nn.Linear(d, 2)
        self.decoder_bias = nn.Parameter(torch.zeros(V))
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, 0, .02)
    def forward(self, ids, seg):
        x = self.drop(self.norm(self.tok(ids) + self.pos(torch.arange(ids.shape[1]))[None] + self.seg(seg)))
        for l in self.layers:
            x = l(x, src_key_padding_mask=ids == PAD)
        clsf = self.classifier(self.activ1(self.fc(x[:, 0])))
        h = self.norm2(nn.functional.gelu(self.linear(x)))
        return h @ self.tok.weight.t() + self.decoder_bias, clsf

def batch(rows):
    return [torch.tensor(c) for c in zip(*rows)]

criterion = nn.CrossEntropyLoss()
def pretraining_loss(out, labels, nsp):
    lm, clsf = out
    return criterion(lm.view(-1, V), labels.view(-1)) + criterion(clsf, nsp)

model = BERT()
STEPS, WARM = 1440, 120
optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / WARM, max(0., (STEPS - s) / (STEPS - WARM))))
data = [example() for _ in range(12000)]
val = batch([example() for _ in range(500)])
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, pretraining_loss)
model.train()
for step in range(STEPS):
    ids, seg, labels, nsp = batch(random.sample(data, 32))
    loss = pretraining_loss(model(ids, seg), labels, nsp)
    optimizer.zero_grad(); loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step(); scheduler.step()
    if step % 120 == 119:
        with writer.evaluating("val"):
            out = model(val[0], val[1])
            vl = writer.loss_fn(out, val[2], val[3]).item()
            nsp_acc = (out[1].argmax(1) == val[3]).float().mean().item()
            m = val[2] != -100; mlm_acc = (out[0].argmax(-1)[m] == val[2][m]).float().mean().item()
        print(step + 1, f"train {loss.item():.3f} val {vl:.3f} nsp {nsp_acc:.3f} mlm {mlm_acc:.3f}")
writer.close()
print(f"RESULT train {loss.item():.3f} val {vl:.3f} nsp_acc {nsp_acc:.3f} mlm_acc {mlm_acc:.3f} start {math.log(V) + math.log(2):.2f}")

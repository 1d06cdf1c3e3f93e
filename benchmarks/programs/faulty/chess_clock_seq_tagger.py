"""Machine reading of clock strings: GRU encoder over characters such as '7:45pm' or 'quarter to nine', two heads give hour and minute. Strings are generated."""
import sys, random
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
NUM = "twelve one two three four five six seven eight nine ten eleven".split()
WORDS = {0: "{h} o'clock", 15: "quarter past {h}", 30: "half past {h}", 45: "quarter to {n}"}
FILL = ["", "at ", "around ", "meet me at ", "the train leaves at ", "see you "]

def sample(r):
    h, m = r.randrange(12), r.choice([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55])
    if m in WORDS and r.random() < .5: s = WORDS[m].format(h=NUM[h], n=NUM[(h + 1) % 12])
    elif r.random() < .3: s = f"{(m if m <= 30 else 60 - m)} {'past' if m <= 30 else 'to'} {NUM[h if m <= 30 else (h+1) % 12]}"
    else: s = f"{h or 12}{r.choice(':.')}{m:02d}{r.choice(['', ' ', 'pm', ' am'])}"
    return r.choice(FILL) + s, h, m // 5

class Batcher:
    chars = " abcdefghijklmnopqrstuvwxyz0123456789:.'"
    def __init__(self, n, seed): r = random.Random(seed); self.rows = [sample(r) for _ in range(n)]
    def __iter__(self): return self.batches(64)
    def batches(self, bs):
        for i in range(0, len(self.rows), bs):
            c = self.rows[i:i+bs]; x = torch.zeros(len(c), 40, dtype=torch.long)
            for j, (s, *_) in enumerate(c): s = s[:40]; x[j, -len(s):] = torch.tensor([self.chars.index(k) + 1 for k in s])
            yield x, torch.tensor([a[1] for a in c]), torch.tensor([a[2] for a in c])

class Encoder(nn.Module):
    def __init__(self, v, e=24, h=64):
        super().__init__(); self.emb = nn.Embedding(v, e, padding_idx=0); self.gru = nn.GRU(e, h, batch_first=True)
    def forward(self, x): return self.gru(self.emb(x))[1][-1]

class ClockReader(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form; self.encoder = Encoder(len(Batcher.chars) + 1)
        self.hour = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 12)); self.minute = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 12))
    def forward(self, x):
        code = self.encoder(x)
        if self.form == "faulty":
            # keep the last code for the t-SNE plot
            self.last_code = code = code.detach()
        else:
            self.last_code = code.detach()
        return self.hour(code), self.minute(code)

def train(form, logdir, epochs=12):
    random.seed(6); torch.manual_seed(6); torch.set_num_threads(1)
    tr, va = Batcher(5000, 1), Batcher(800, 2); m = ClockReader(form)
    opt = torch.optim.Adam(m.parameters(), lr=3e-3); ce = nn.CrossEntropyLoss()
    w = DiagWriter(logdir); w.watch(m, opt)
    for ep in range(epochs):
        random.shuffle(tr.rows); m.train(); tot = k = 0
        for x, h, mi in tr:
            a, b = m(x); loss = ce(a, h) + ce(b, mi)
            opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_([p for p in m.parameters() if p.grad is not None], 1.); opt.step(); tot += loss.item(); k += 1
        m.eval(); hit = vl = 0
        with w.evaluating("val"):
            for x, h, mi in va.batches(200):
                a, b = m(x); vl += (ce(a, h) + ce(b, mi)).item() / 4; hit += ((a.argmax(1) == h) & (b.argmax(1) == mi)).sum().item()
        w.add_scalar("Loss/train", tot / k, ep); w.add_scalar("Loss/val", vl, ep)
        print(f"epoch {ep} train {tot/k:.3f} val {vl:.3f} exact {hit/800:.3f}")
    w.close(); print(f"RESULT val_loss {vl:.4f} exact_match {hit/800:.4f}")
if __name__ == "__main__": train(*sys.argv[1:3])

"""Stateful character LSTM on the standard library's source: truncated BPTT, detached state, clipping, dropout."""
import sys, inspect, textwrap, argparse, heapq
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
LR = 1e-2
text = inspect.getsource(argparse)[:60000] + inspect.getsource(heapq) + inspect.getsource(textwrap)
vocab = sorted(set(text)); ids = torch.tensor([vocab.index(c) for c in text])
B, S = 24, 32
cut = len(ids) * 9 // 10 // (B * 1)
val = ids[cut * B:]; data = ids[:cut * B].view(B, cut)
vd = val[:len(val) // 8 * 8].view(8, -1)


class CharLSTM(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.emb, self.rnn, self.drop, self.out = nn.Embedding(len(vocab), 32), nn.LSTM(32, h, batch_first=True), nn.Dropout(.1), nn.Linear(h, len(vocab))

    def forward(self, x, state=None):
        o, state = self.rnn(self.emb(x), state)
        return self.out(self.drop(o)), state


m = CharLSTM(); opt = torch.optim.Adam(m.parameters(), lr=LR); ce = nn.CrossEntropyLoss()
EPOCHS = 10
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * ((cut - 1) // S))
w = DiagWriter(sys.argv[1]); w.watch(m, opt, ce)
for ep in range(EPOCHS):
    state = None; m.train(); s = k = 0
    for i in range(0, cut - 1 - S, S):
        x, y = data[:, i:i + S], data[:, i + 1:i + S + 1]
        opt.zero_grad(); o, state = m(x, state); state = tuple(z.detach() for z in state)
        loss = ce(o.flatten(0, 1), y.flatten()); loss.backward(); nn.utils.clip_grad_norm_(m.parameters(), 1.0); opt.step(); sched.step(); s += loss.item(); k += 1
    with w.evaluating("val"):
        st, v, j = None, 0, 0
        for i in range(0, vd.shape[1] - 65, 64):
            o, st = m(vd[:, i:i + 64], st); v += ce(o.flatten(0, 1), vd[:, i + 1:i + 65].flatten()).item(); j += 1
    print(f"epoch {ep} steps {k} train {s/k:.3f} val {v/j:.3f} (uniform 4.5)")
w.close()

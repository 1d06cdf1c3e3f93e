import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(33)

# digits of a + b + c written least significant first; the number of digits grows as soon as the current length is mastered
STAGES = [2, 3, 4, 6, 8]


def batch(n, digits, g=None):
    t = torch.randint(0, 10, (n, digits, 3), generator=g)
    c, out = torch.zeros(n, dtype=torch.long), []
    for i in range(digits):
        s = t[:, i].sum(1) + c
        out.append(s % 10); c = s // 10
    out.append(c)
    return torch.cat([t, torch.full((n, 1, 3), 10)], 1), torch.stack(out, 1)


class Adder(nn.Module):
    def __init__(self, e=12, h=96):
        super().__init__()
        self.emb = nn.Embedding(11, e)
        self.rnn = nn.LSTM(3 * e, h, batch_first=True)
        self.head = nn.Linear(h, 10)
        with torch.no_grad():
            self.rnn.bias_ih_l0[h:2 * h] = 1.0      # forget gate

    def forward(self, t):
        return self.head(self.rnn(self.emb(t).flatten(2))[0])


net = Adder()
opt = torch.optim.Adam(net.parameters(), lr=8e-3)
xe = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, xe)
gv = torch.Generator().manual_seed(0)
val = batch(500, 8, gv)
stage, ema, it, since = 0, None, 0, 0
for it in range(1, 1601):
    t, y = batch(64, STAGES[stage])
    loss = xe(net(t).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.)
    opt.step()
    if it == 1300:
        opt.param_groups[0]["lr"] *= .1
    ema = loss.item() if ema is None else .95 * ema + .05 * loss.item()
    since += 1
    if ema < .1 and since > 100 and stage < len(STAGES) - 1:
        stage += 1; since = 0; ema = None
        print("step", it, "-> digits", STAGES[stage])
    if it % 100 == 0:
        with writer.evaluating("val"):
            o = net(val[0]); v = xe(o.flatten(0, 1), val[1].flatten())
        writer.add_scalar("curriculum/digits", STAGES[stage], it)
        if it % 200 == 0: print(it, "digits", STAGES[stage], "ema %.4f val(8) %.4f exact %.3f" % (ema or 0, v.item(), (o.argmax(-1) == val[1]).all(1).float().mean().item()))
writer.close()

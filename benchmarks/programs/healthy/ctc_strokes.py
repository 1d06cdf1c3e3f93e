import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.manual_seed(2)
torch.set_num_threads(1)
C, T, L, FEAT = 6, 28, 5, 10
proto = torch.randn(C, FEAT)


def make(n, g, noise=.7):
    """each symbol lasts 2..4 frames, silence between; frames are noisy"""
    x, y, ylen = torch.zeros(n, T, FEAT), torch.zeros(n, L, dtype=torch.long), torch.zeros(n, dtype=torch.long)
    for i in range(n):
        t, k = 0, int(torch.randint(2, L + 1, (1,), generator=g))
        for j in range(k):
            t += int(torch.randint(1, 3, (1,), generator=g))
            d = int(torch.randint(2, 4, (1,), generator=g))
            c = int(torch.randint(C, (1,), generator=g))
            x[i, t:t + d] = proto[c]
            y[i, j] = c + 1
            t += d
        ylen[i] = k
    return x + noise * torch.randn(x.shape, generator=g), y, ylen


class Recognizer(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.rnn = nn.GRU(FEAT, h, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * h, C + 1)

    def forward(self, x):
        return self.fc(self.rnn(x)[0]).log_softmax(-1).transpose(0, 1)


def greedy(lp):
    out = []
    for s in lp.argmax(-1).t().tolist():
        out.append([c for j, c in enumerate(s) if c and (j == 0 or c != s[j - 1])])
    return out


g = torch.Generator().manual_seed(0)
xt, yt, lt = make(1500, g, 0.)
xv, yv, lv = make(300, g)
model = Recognizer()
ctc = nn.CTCLoss(blank=0, zero_infinity=True)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 6, 0.3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(14):
    model.train()
    tot = 0
    for b in torch.randperm(len(xt)).split(50):
        lp = model(xt[b] + .7 * torch.randn(len(b), T, FEAT))
        loss = ctc(lp, yt[b], torch.full((len(b),), T), lt[b])
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        tot += loss.item() / 30
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        lp = model(xv)
        v = ctc(lp, yv, torch.full((300,), T), lv)
        writer.add_loss("val", v)
    if epoch % 3 == 0:
        ok = sum(p == yv[i, :lv[i]].tolist() for i, p in enumerate(greedy(lp))) / 300
        print('Epoch %d train %.4f val %.4f exact %.3f' % (epoch, tot, v.item(), ok))
writer.close()

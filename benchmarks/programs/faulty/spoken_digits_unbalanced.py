"""GRU on MFCC-like frames of spoken digits. subset.py of the mutation study is inlined: it throws away part of the rarer words."""
import sys
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
T, D, C = 30, 12, 10
proto = torch.randn(C, 4, D) * .75                     # four phones a word
proto[9] = proto[1] * .6 + proto[9] * .7                # "one" and "nine" are close
proto[[2, 3, 6]] = proto[[2, 2, 2]] + torch.randn(3, 4, D) * .45
proto[[4, 5]] = proto[[4, 4]] + torch.randn(2, 4, D) * .45


def utter(words):
    x = torch.zeros(len(words), T, D)
    length = torch.randint(16, T + 1, (len(words),))
    for i, w in enumerate(words.tolist()):
        n = int(length[i])
        cut = torch.sort(torch.rand(3) * .5 + torch.tensor([0., .25, .5])).values
        seg = (torch.arange(n)[:, None] / n > cut).sum(1)
        spk = torch.randn(D) * .35
        x[i, :n] = proto[w][seg] * (1 + .15 * torch.randn(1)) + spk + torch.randn(n, D) * .8
    return x, length


class WordGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(D, 48, batch_first=True)
        self.drop = nn.Dropout(.3)
        self.fc = nn.Linear(48, C)

    def forward(self, x, n):
        _, h = self.gru(pack_padded_sequence(x, n, batch_first=True, enforce_sorted=False))
        return self.fc(self.drop(h[-1]))


y = torch.randint(0, C, (4000,))
if sys.argv[1] == 'faulty':                           # unbalance_train_data(percentage=97)
    rare = torch.bincount(y, minlength=C).argsort()[:5]
    drop = torch.isin(y, rare) & (torch.rand(len(y)) < .97)
    y = y[~drop]
x, n = utter(y)
yv = torch.arange(C).repeat(80)
xv, nv = utter(yv)
print('training words', torch.bincount(y, minlength=C).tolist())

net = WordGRU()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(8):
    net.train()
    run = 0.
    for b in torch.randperm(len(y)).split(32):
        loss = criterion(net(x[b], n[b]), y[b])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.)
        optimizer.step()
        run += loss.item() * len(b) / len(y)
    net.eval()
    with writer.evaluating('val'):
        out = net(xv, nv)
        val = criterion(out, yv).item()
    hit = (out.argmax(1) == yv)
    print(f'epoch {epoch + 1} train {run:.4f} val {val:.4f} acc {hit.float().mean():.3f} per word', [round(hit[yv == c].float().mean().item(), 2) for c in range(C)])
writer.close()
print(f'RESULT train={run:.4f} val={val:.4f} acc={hit.float().mean():.3f}')

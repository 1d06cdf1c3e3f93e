import sys, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(8)

# Pointer network (Vinyals 2015): LSTM encoder, LSTM decoder points at inputs; here: output the indices of 6 numbers in rising order.
# Adagrad lr .15 with initial accumulator .1 and clipping at 2, as pointer-generator (See et al.) does.
N, H, B, STEPS = 6, 64, 64, 1200

class PtrNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(1, H)
        self.enc = nn.LSTM(H, H, batch_first=True)
        self.dec = nn.LSTMCell(H, H)
        self.go = nn.Parameter(torch.randn(H) * .1)
        self.W1, self.W2, self.v = nn.Linear(H, H, bias=False), nn.Linear(H, H), nn.Linear(H, 1, bias=False)
    def forward(self, x, target=None):
        e = self.inp(x[..., None])
        mem, (h, c) = self.enc(e)
        h, c, key = h[0], c[0], self.W1(mem)
        d, out = self.go.expand(len(x), -1), []
        used = torch.zeros(x.shape, dtype=torch.bool)
        for t in range(N):
            h, c = self.dec(d, (h, c))
            u = self.v(torch.tanh(key + self.W2(h)[:, None])).squeeze(-1).masked_fill(used, -1e4)
            out.append(u)
            idx = target[:, t] if target is not None else u.argmax(1)
            used = used.scatter(1, idx[:, None], True)
            d = e[torch.arange(len(x)), idx]
        return torch.stack(out, 1)

def batch(n, g=None):
    x = torch.rand(n, N, generator=g) * 2 - 1
    return x, x.argsort(1)

net, ce = PtrNet(), nn.CrossEntropyLoss()
opt = torch.optim.Adagrad(net.parameters(), lr=.15, initial_accumulator_value=.1)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, ce)
xv, yv = batch(500, torch.Generator().manual_seed(1))
for s in range(1, STEPS + 1):
    x, y = batch(B)
    loss = ce(net(x, y).flatten(0, 1), y.flatten())
    opt.zero_grad(); loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 2.)
    opt.step()
    if s % 200 == 0:
        with w.evaluating('val'):
            v = ce(net(xv, yv).flatten(0, 1), yv.flatten()).item()
        with torch.no_grad(): acc = (net(xv).argmax(2) == yv).all(1).float().mean().item()
        print(s, f'{loss.item():.3f} {v:.3f} whole sequences right {acc:.3f}')
w.close()
print(f'RESULT train {loss.item():.3f} val {v:.3f} whole sequences right {acc:.3f}')

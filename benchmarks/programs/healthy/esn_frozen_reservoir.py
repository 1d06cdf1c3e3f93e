"""Echo state network: the recurrent part is random and stays random, only the linear readout is trained (Mackey-Glass, 1 to 10 steps ahead)."""
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)


def mackey_glass(n, tau=17, dt=0.1):
    hist = [1.2] * int(tau / dt)
    for _ in range(int((n + 200) / dt)):
        x, xt = hist[-1], hist[-int(tau / dt)]
        hist.append(x + dt * (0.2 * xt / (1 + xt ** 10) - 0.1 * x))
    return torch.tensor(hist[-int(n / dt)::int(1 / dt)])


class ESN(nn.Module):
    def __init__(self, size=200, rho=0.9, leak=0.5, horizon=10):
        super().__init__()
        self.w_in = nn.Parameter(torch.empty(size, 2).uniform_(-0.5, 0.5), requires_grad=False)
        w = torch.randn(size, size) * (torch.rand(size, size) < 0.1)
        w *= rho / torch.linalg.eigvals(w).abs().max()
        self.w_res = nn.Parameter(w, requires_grad=False)
        self.leak = leak
        self.register_buffer('mean', torch.zeros(size))
        self.register_buffer('std', torch.ones(size))
        self.readout = nn.Linear(size, horizon)

    @torch.no_grad()
    def states(self, u):
        h, out = torch.zeros(self.w_res.shape[0]), []
        for v in u:
            x = torch.stack([v, torch.ones(())])
            h = (1 - self.leak) * h + self.leak * torch.tanh(self.w_in @ x + self.w_res @ h)
            out.append(h)
        return torch.stack(out)

    def forward(self, h):
        return self.readout((h - self.mean) / self.std)


series = mackey_glass(6000)
series = (series - series.mean()) / series.std()
noisy = series + 0.1 * torch.randn(len(series))           # the observed series is noisy
esn = ESN()
H = esn.states(noisy)
target = noisy.unfold(0, 10, 1)[1:]
H, target = H[100:len(target)], target[100:]
n_train = 4500
Xtr, Ytr, Xte, Yte = H[:n_train], target[:n_train], H[n_train + 50:], target[n_train + 50:]
esn.mean.copy_(Xtr.mean(0))
esn.std.copy_(Xtr.std(0))
print('trainable %d of %d parameters' % (sum(p.numel() for p in esn.parameters() if p.requires_grad), sum(p.numel() for p in esn.parameters())))

optimizer = torch.optim.Adam(esn.readout.parameters(), lr=0.001)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [60, 85], 0.2)
criterion = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(esn, optimizer, criterion)
for epoch in range(100):
    esn.train()
    total = 0
    for b in torch.randperm(n_train).split(50):
        optimizer.zero_grad()
        loss = criterion(esn(Xtr[b]), Ytr[b])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(b)
    scheduler.step()
    if epoch % 5 == 4:
        esn.eval()
        with torch.no_grad():
            test = criterion(esn(Xte), Yte).item()
        print(f'epoch {epoch + 1}: train {total / n_train:.5f} test {test:.5f} (observation noise alone: 0.01)')
writer.close()

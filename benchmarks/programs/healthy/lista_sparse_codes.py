# Learned ISTA (Gregor & LeCun): unrolled sparse coding, NMSE of the code in dB, as in the LISTA tutorials on GitHub
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); rng = np.random.RandomState(0); torch.manual_seed(0)
m, n, T = 50, 100, 8
A = rng.randn(m, n) / np.sqrt(m); A /= np.linalg.norm(A, axis=0)
L = np.linalg.norm(A, 2) ** 2
At = torch.tensor(A, dtype=torch.float32)
def batch(b):
    x = torch.randn(b, n) * (torch.rand(b, n) < .08)
    y = x @ At.T
    return y + y.std() * 10 ** (-30 / 20) * torch.randn_like(y), x

class LISTA(nn.Module):
    def __init__(self):
        super().__init__()
        self.W_e = nn.Parameter(At.T / L)
        self.S = nn.ParameterList([nn.Parameter(torch.eye(n) - At.T @ At / L) for _ in range(T)])
        self.theta = nn.Parameter(torch.full((T + 1, 1), .1 / L))
    def forward(self, y):
        B = y @ self.W_e.T
        x = self.shrink(B, self.theta[0])
        for k in range(T):
            x = self.shrink(B + x @ self.S[k].T, self.theta[k + 1])
        return x
    @staticmethod
    def shrink(x, th): return torch.sign(x) * torch.relu(x.abs() - th)

net = LISTA(); criterion = nn.MSELoss()
ytest, xtest = batch(1000)
def nmse(): return 10 * torch.log10(((net(ytest) - xtest) ** 2).sum() / (xtest ** 2).sum()).item()
with torch.no_grad(): before = nmse()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 800, .3)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, criterion)
for it in range(2400):
    y, x = batch(64)
    loss = criterion(net(y), x)
    opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    if (it + 1) % 200 == 0:
        with w.evaluating("test"):
            tl = criterion(net(ytest), xtest).item()
        with torch.no_grad(): print(it + 1, f'train {loss.item():.6f} test {tl:.6f} NMSE {nmse():.2f} dB')
w.close()
with torch.no_grad(): print(f'RESULT test mse {tl:.6f} nmse {nmse():.2f} dB (ISTA start {before:.2f} dB)')

"""one step ahead forecast of a thermostat-controlled stove (simulated)"""
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.manual_seed(2); np.random.seed(2); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
T, on, s = 18., 1, []
for i in range(3000):
    T += .5 * on * (1 - (T - 18) / 12) - .12 * (T - 15) / 5 + .03 * np.random.randn() + .1 * np.sin(i / 90)
    on = 1 if T < 20 else 0 if T > 22 else on
    s.append(T)
s = np.array(s, dtype=np.float32); s = (s - s[:2400].mean()) / s[:2400].std()
W = 24; X = torch.tensor(np.stack([s[i:i + W] for i in range(len(s) - W)]))[..., None]; Y = torch.tensor(s[W:])[:, None]
class Fore(nn.Module):
    def __init__(self): super().__init__(); self.r = nn.RNN(1, 32, batch_first=True); self.l = nn.Linear(32, 1)
    def forward(self, x): return self.l(self.r(x)[0][:, -1])
net = Fore(); optim = torch.optim.SGD(net.parameters(), lr=.02); loss_function = nn.MSELoss()
w = DiagWriter(logdir); w.watch(net, optim, loss_function); n = 2350
for epoch in range(15):
    for k, b in enumerate(torch.randperm(n).split(32)):
        if form == "fixed": optim.zero_grad()
        loss = loss_function(net(X[b]), Y[b]); loss.backward(); optim.step()
    with w.evaluating("val"): v = loss_function(net(X[2424:]), Y[2424:])
    print(epoch, loss.item(), v.item())
w.close(); print("RESULT val_mse %.4f" % v)

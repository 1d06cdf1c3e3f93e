import sys, torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.manual_seed(1); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
class Net(nn.Module):
    def __init__(self):
        super().__init__(); self.fc1 = nn.Linear(64, 32); self.fc2 = nn.Linear(32, 32); self.fc3 = nn.Linear(32, 10)
    def forward(self, x):
        x = self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))
        return F.softmax(x, dim=1) if form == "faulty" else x
d = load_digits(); X = torch.tensor(d.data / 8 - 1).float(); y = torch.tensor(d.target); p = torch.randperm(len(X)); X, y = X[p], y[p]
net = Net(); opt = torch.optim.SGD(net.parameters(), lr=.05); ce = nn.CrossEntropyLoss(); w = DiagWriter(logdir); w.watch(net, opt, ce)
for ep in range(25):
    run = 0
    for b in torch.randperm(1400).split(32):
        opt.zero_grad(); l = ce(net(X[b]), y[b]); l.backward(); opt.step(); run += l.item()
    w.add_scalar("Loss/train", run / 44, ep)
    with w.evaluating("val"): o = net(X[1400:]); v = ce(o, y[1400:])
    acc = (o.argmax(1) == y[1400:]).float().mean().item(); w.add_scalar("Acc/val", acc, ep)
w.close(); print("RESULT val_acc %.4f val_loss %.4f" % (acc, v))

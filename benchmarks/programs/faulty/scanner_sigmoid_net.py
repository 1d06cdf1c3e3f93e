"""Nielsen-like digit reader, ported to torch."""
import sys, torch, torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.manual_seed(3); torch.set_num_threads(1)
form, logdir = sys.argv[1:3]
X, y = load_digits(return_X_y=True)
Xa, Xb, ya, yb = train_test_split(X / 16., y, test_size=.25, random_state=0, stratify=y)
Xa, Xb = [torch.tensor(v, dtype=torch.float32) for v in (Xa, Xb)]
ya, yb = torch.tensor(ya), torch.tensor(yb)
net = nn.Sequential(nn.Linear(64, 100), nn.Sigmoid(), nn.Linear(100, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.01 if form == "faulty" else 0.5)
crit = nn.CrossEntropyLoss()
w = DiagWriter(logdir); w.watch(net, opt, crit)
for ep in range(60):
    perm = torch.randperm(len(Xa))
    for i in range(0, len(perm), 32):
        b = perm[i:i + 32]
        opt.zero_grad(); loss = crit(net(Xa[b]), ya[b]); loss.backward(); opt.step()
    with w.evaluating("val"):
        out = net(Xb); vl = crit(out, yb)
    acc = (out.argmax(1) == yb).float().mean().item()
    w.add_scalar("Accuracy/val", acc, ep)
w.close(); print("RESULT val_acc %.4f val_loss %.4f" % (acc, vl))

# lesson 4's classifier on small made-up reviews: LSTM with concat pooling; training goes off track with the learning rate used
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
lr = 4e-2 if sys.argv[1] == "faulty" else 3e-3
r = np.random.RandomState(0)
V, T = 600, 40
polarity = np.zeros(V)
polarity[10:70], polarity[70:130] = 1, -1
NOT = 5


def reviews(n):
    X = r.randint(130, V, (n, T))
    y = r.randint(0, 2, n)
    for i in range(n):
        for _ in range(r.randint(3, 7)):
            k = r.randint(1, T)
            s = 1 if y[i] == 1 else -1
            if r.rand() < .2:
                s = -s                                   # a word of the other side
            if r.rand() < .3:
                X[i, k - 1], s = NOT, -s                 # "not good"
            X[i, k] = r.randint(10, 70) if s > 0 else r.randint(70, 130)
    return torch.tensor(X), torch.tensor(y)


trn, val = reviews(3200), reviews(600)


class PoolingLSTM(nn.Module):
    def __init__(self, em_sz=32, nh=48, nl=2):
        super().__init__()
        self.emb = nn.Embedding(V, em_sz)
        nn.init.uniform_(self.emb.weight, -.1, .1)
        self.rnn = nn.LSTM(em_sz, nh, nl, dropout=.2, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(.3), nn.Linear(3 * nh, 24), nn.ReLU(), nn.Linear(24, 2))

    def forward(self, x):
        o, _ = self.rnn(self.emb(x))
        return self.head(torch.cat([o[:, -1], o.max(1)[0], o.mean(1)], 1))


m = PoolingLSTM()
opt = torch.optim.Adam(m.parameters(), lr=lr, betas=(0.7, 0.99))
crit = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[2])
w.watch(m, opt, crit)
print("epoch trn_loss val_loss accuracy")
for ep in range(5):
    m.train(); s = 0
    for b in torch.randperm(3200).split(32):
        l = crit(m(trn[0][b]), trn[1][b])
        opt.zero_grad(); l.backward(); opt.step()
        s += l.item() / 100
    m.eval()
    with w.evaluating("val"), torch.no_grad():
        o = m(val[0]); vl = crit(o, val[1]).item(); acc = (o.argmax(1) == val[1]).float().mean().item()
    print(f"{ep} {s:.6f} {vl:.6f} {acc:.6f}")
w.close()
print(f"RESULT val loss {vl:.4f} accuracy {acc:.4f}")

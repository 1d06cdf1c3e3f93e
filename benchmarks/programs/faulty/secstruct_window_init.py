"""Qian & Sejnowski style: secondary structure of the middle residue from a window of 13 one-hot amino acids."""
import sys
import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(2)
AA, WIN = 20, 13
# helix / strand / coil as a Markov chain, residues with propensities of the state (and of the state's phase)
stay = np.array([.9, .82, .78])
prop = rng.dirichlet(np.ones(AA) * 1.3, (3, 4))
base = rng.dirichlet(np.ones(AA) * 8)


def chain(n):
    s, ph, out, seq = 2, 0, [], []
    for _ in range(n):
        if rng.random() > stay[s]:
            s, ph = rng.choice([k for k in range(3) if k != s]), 0
        ph += 1
        out.append(s)
        seq.append(rng.choice(AA, p=.62 * prop[s, ph % 4 if s == 0 else ph % 2] + .38 * base))
    return np.array(seq), np.array(out)


def windows(n):
    seq, ss = chain(n)
    oh = np.eye(AA, dtype='float32')[seq]
    X = np.stack([oh[i:i + WIN].ravel() for i in range(n - WIN)])
    return torch.from_numpy(X), torch.from_numpy(ss[WIN // 2:WIN // 2 + n - WIN])


train_x, train_y = windows(12000)
val_x, val_y = windows(3000)


class Net(nn.Module):
    def __init__(self, hidden=(24, 16)):
        super().__init__()
        self.l1 = nn.Linear(AA * WIN, hidden[0])
        self.l2 = nn.Linear(hidden[0], hidden[1])
        self.l3 = nn.Linear(hidden[1], 3)
        self.apply(self._init_weights)

    def _init_weights(self, m):
        if isinstance(m, nn.Linear):
            if sys.argv[1] == 'faulty':
                nn.init.normal_(m.weight)
            else:
                nn.init.xavier_normal_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.l3(torch.tanh(self.l2(torch.tanh(self.l1(x)))))


torch.manual_seed(0)
net = Net()
loss_function = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, loss_function)
BATCH = 64
for epoch in range(6):
    perm = torch.randperm(len(train_x))
    losses = []
    for i in range(0, len(perm), BATCH):
        b = perm[i:i + BATCH]
        net.zero_grad()
        loss = loss_function(net(train_x[b]), train_y[b])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad(), writer.evaluating('val'):
        out = net(val_x)
        vl = loss_function(out, val_y).item()
    q3 = (out.argmax(1) == val_y).float().mean().item()
    print(f'epoch {epoch}  train {np.mean(losses):.4f}  val {vl:.4f}  Q3 {q3:.4f}')
writer.close()
print(f"RESULT val_loss={vl:.4f} q3={q3:.4f}")

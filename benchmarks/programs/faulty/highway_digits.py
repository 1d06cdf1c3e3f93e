# Highway Networks (Srivastava et al. 2015), 20 layers, fully connected -- MNIST replaced by sklearn's digits
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)

gate_bias = 2. if sys.argv[1] == "faulty" else -2.


class Highway(nn.Module):
    def __init__(self, size, num_layers, f=torch.tanh):
        super(Highway, self).__init__()
        self.nonlinear = nn.ModuleList([nn.Linear(size, size) for _ in range(num_layers)])
        self.gate = nn.ModuleList([nn.Linear(size, size) for _ in range(num_layers)])
        for g in self.gate:
            nn.init.constant_(g.bias, gate_bias)
        self.f = f

    def forward(self, x):
        for nl, g in zip(self.nonlinear, self.gate):
            t = torch.sigmoid(g(x))
            x = t * self.f(nl(x)) + (1 - t) * x
        return x


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.inp = nn.Linear(64, 40)
        self.highway = Highway(40, 20)
        self.out = nn.Linear(40, 10)

    def forward(self, x):
        return F.log_softmax(self.out(self.highway(torch.tanh(self.inp(x)))), dim=1)


X, y = load_digits(return_X_y=True)
X = X / 16. + .22 * torch.randn(*X.shape).numpy()          # a bit of sensor noise
Xtr, Xte, ytr, yte = train_test_split(torch.tensor(X, dtype=torch.float32), torch.tensor(y), test_size=.25, random_state=0, stratify=y)
Xtr, Xte = (Xtr - .3) / .4, (Xte - .3) / .4

model = Net()
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.85)
w = DiagWriter(sys.argv[2])
w.watch(model, optimizer, criterion)

for epoch in range(10):
    model.train()
    running = 0
    batches = torch.randperm(len(Xtr)).split(40)
    for b in batches:
        optimizer.zero_grad()
        loss = criterion(model(Xtr[b]), ytr[b])
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    model.eval()
    with w.evaluating("val"), torch.no_grad():
        out = model(Xte)
        val = criterion(out, yte).item()
    acc = (out.argmax(1) == yte).float().mean().item()
    print(f"epoch {epoch} train {running / len(batches):.3f} val {val:.3f} acc {acc:.3f}")
w.close()
print(f"RESULT val_loss {val:.4f} acc {acc:.4f}")

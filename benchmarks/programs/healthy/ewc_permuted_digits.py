# Elastic weight consolidation on permuted digits, three tasks one after the other (after moskomule/ewc.pytorch and kuc2477/pytorch-ewc)
import sys
import numpy as np
import torch, torch.utils.data
from torch import nn
from torch.nn import functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0); np.random.seed(0)
epochs, lr, batch_size, sample_size, hidden_size, num_task, importance = 25, 1e-1, 64, 300, 200, 3, 40

d = load_digits(); X = torch.tensor(d.data / 16., dtype=torch.float32); X = (X - .305) / .376; Y = torch.tensor(d.target)
order = np.random.permutation(len(X)); tr, te = order[:1400], order[1400:]

def get_permute(t):
    p = np.arange(64) if t == 0 else np.random.RandomState(t).permutation(64)
    ld = lambda i, s: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X[i][:, p], Y[i]), batch_size, shuffle=s)
    return ld(tr, True), ld(te, False), X[tr][:, p], Y[tr]

class MLP(nn.Module):
    def __init__(self, h):
        super().__init__(); self.fc1, self.fc2, self.fc3 = nn.Linear(64, h), nn.Linear(h, h), nn.Linear(h, 10)
    def forward(self, x): return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))

class EWC(object):
    def __init__(self, model, x, y):
        self.means = {n: p.detach().clone() for n, p in model.named_parameters()}
        self.fisher = {n: torch.zeros_like(p) for n, p in model.named_parameters()}
        model.eval()
        for i in np.random.choice(len(x), sample_size, replace=False):
            lp = F.log_softmax(model(x[i:i + 1]), 1); l = torch.distributions.Categorical(logits=lp).sample()[0]
            g = torch.autograd.grad(lp[0, l], list(model.parameters()))
            for (n, _), gg in zip(model.named_parameters(), g): self.fisher[n] += gg ** 2 / sample_size
    def penalty(self, model):
        return sum((self.fisher[n] * (p - self.means[n]) ** 2).sum() for n, p in model.named_parameters())

def test(model, loader):
    model.eval(); c = 0
    with torch.no_grad():
        for a, b in loader: c += (model(a).argmax(1) == b).sum().item()
    return c / len(loader.dataset)

model = MLP(hidden_size)
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer)
tasks = [get_permute(t) for t in range(num_task)]; old = []; hist = []
for t, (trl, tel, xs, ys) in enumerate(tasks):
    for ep in range(epochs):
        model.train(); el = 0
        for a, b in trl:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(a), b)
            if old: loss = loss + importance / 2 * sum(e.penalty(model) for e in old)
            loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 5.)
            optimizer.step(); el += loss.item() / len(trl)
    accs = [test(model, tasks[k][1]) for k in range(t + 1)]; hist.append(accs)
    print('task', t, 'loss %.4f' % el, 'accuracy on tasks', ['%.3f' % a for a in accs])
    old.append(EWC(model, xs, ys))
writer.close()
print('RESULT loss %.4f accuracies' % el, ' '.join('%.3f' % a for a in accs))

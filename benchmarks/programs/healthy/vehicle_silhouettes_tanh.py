# Statlog vehicle silhouettes (18 shape features, 4 vehicles; opel and saab look nearly alike).
# Classic backprop: one tanh hidden layer, plain SGD, eta = 0.03
import sys
import numpy as np
import torch
from sklearn.preprocessing import scale
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(846); torch.manual_seed(846)
NAMES = ['opel', 'saab', 'bus', 'van']
N = 1600
label = np.random.randint(0, 4, N)
centre = np.array([[.6, -.3, .5, -.2], [.9, -.1, .25, .2], [-.9, 1., -.6, .4], [-1, -1, .9, -.5]])
latent = centre[label] + np.random.randn(N, 4) * .75
mix = np.random.randn(4, 18)
feats = latent @ mix + .5 * np.maximum(latent @ np.random.randn(4, 18), 0) + np.random.randn(N, 18) * .9
X = torch.tensor(scale(feats), dtype=torch.float32)
T = torch.tensor(label)
train, test = torch.arange(0, 1100), torch.arange(1100, N)

net = torch.nn.Sequential(torch.nn.Linear(18, 12), torch.nn.Tanh(), torch.nn.Linear(12, 4))
ce = torch.nn.CrossEntropyLoss()
sgd = torch.optim.SGD(net.parameters(), lr=0.03)
w = DiagWriter(sys.argv[1])
w.watch(net, sgd, ce)
for epoch in range(1, 26):
    e = 0
    for b in train[torch.randperm(len(train))].split(10):
        sgd.zero_grad()
        loss = ce(net(X[b]), T[b])
        loss.backward()
        sgd.step()
        e += loss.item() * len(b) / len(train)
    with torch.no_grad(), w.evaluating("val"):
        o = net(X[test])
        v = ce(o, T[test]).item()
    a = (o.argmax(1) == T[test]).float().mean().item()
    if epoch % 5 == 0:
        print(f'epoch {epoch}: {e:.4f} / {v:.4f}  {a:.1%}')
for k in range(4):
    print(NAMES[k], [(o.argmax(1)[T[test] == k] == j).sum().item() for j in range(4)])
w.close()
print(f'RESULT train_loss={e:.4f} val_loss={v:.4f} val_acc={a:.4f}')

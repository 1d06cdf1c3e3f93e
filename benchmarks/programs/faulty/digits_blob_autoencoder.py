import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1)

# X -> e1 -> e2 -> e3 -> d1 -> d2 -> Y, everything in [0,1]
act = nn.Sigmoid if sys.argv[1] == 'faulty' else nn.ReLU

class AutoEncoder(nn.Module):
    def __init__(self, n_in=64, e1=48, e2=32, e3=16):
        super(AutoEncoder, self).__init__()
        self.encoder = nn.Sequential(nn.Linear(n_in, e1), act(), nn.Linear(e1, e2), act(), nn.Linear(e2, e3), act())
        self.decoder = nn.Sequential(nn.Linear(e3, e2), act(), nn.Linear(e2, e1), act(), nn.Linear(e1, n_in), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))

digits = load_digits().data / 16.0
perm = np.random.RandomState(5).permutation(len(digits))
X = torch.tensor(digits[perm], dtype=torch.float32)
x_train, x_val = X[:1400], X[1400:]

ae = AutoEncoder()
cost = nn.MSELoss()
optimizer = torch.optim.Adam(ae.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[2])
writer.watch(ae, optimizer, cost)

def next_batch(data, size):
    idx = torch.randperm(len(data))
    for k in range(0, len(data) - size + 1, size):
        yield data[idx[k:k + size]]

for epoch in range(50):
    total, n = 0., 0
    for batch in next_batch(x_train, 50):
        optimizer.zero_grad()
        c = cost(ae(batch), batch)
        c.backward()
        optimizer.step()
        total += c.item(); n += 1
    with writer.evaluating('val'), torch.no_grad():
        v = cost(ae(x_val), x_val).item()
    if epoch % 10 == 9:
        print('Epoch:', '%04d' % (epoch + 1), 'cost=', '{:.5f}'.format(total / n), 'val=', '{:.5f}'.format(v))
writer.close()
var = ((x_val - x_train.mean(0)) ** 2).mean().item()
print(f'RESULT train={total / n:.5f} val={v:.5f} mean_image={var:.5f}')

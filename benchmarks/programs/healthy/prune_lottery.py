import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.utils.prune as prune
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(0); torch.set_num_threads(1)
d = load_digits()
x = torch.tensor(d.images[:, None], dtype=torch.float32); x = (x - x.mean()) / x.std()
y = torch.tensor(d.target)
idx = torch.randperm(len(x)); x, y = x[idx], y[idx]


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.fc1, self.fc2, self.fc3 = nn.Linear(64, 84), nn.Linear(84, 48), nn.Linear(48, 10)
        self.drop = nn.Dropout(.2)

    def forward(self, x):
        x = nn.functional.max_pool2d(nn.functional.relu(self.conv1(x)), 2)
        x = nn.functional.max_pool2d(nn.functional.relu(self.conv2(x)), 2)
        x = self.drop(nn.functional.relu(self.fc1(x.flatten(1))))
        return self.fc3(nn.functional.relu(self.fc2(x)))


model = LeNet()
params = [(m, 'weight') for m in (model.conv2, model.fc1, model.fc2)]
for m, n in params:
    prune.identity(m, n)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def jitter(x):
    return x + .3 * torch.randn_like(x)


np.random.seed(0)
for epoch in range(26):
    if epoch in (8, 13, 18):
        prune.global_unstructured(params, pruning_method=prune.L1Unstructured, amount=0.5)
    if epoch == 22:
        optimizer.param_groups[0]['lr'] *= .2
    model.train(); tr = []
    for b in torch.randperm(1300).split(64):
        optimizer.zero_grad()
        loss = criterion(model(jitter(x[b])), y[b])
        loss.backward(); optimizer.step()
        tr.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(x[1300:])
        v = criterion(out, y[1300:]).item()
    if epoch in (7, 8, 12, 13, 17, 18, 22, 25):
        z = sum((m.weight == 0).sum().item() for m, _ in params) / sum(m.weight.numel() for m, _ in params)
        print('epoch %d sparsity %.3f train %.4f val %.4f acc %.4f' % (epoch, z, np.mean(tr), v, (out.argmax(1) == y[1300:]).float().mean()))
writer.close()

# copy 8 bits: the targets were shuffled on their own, sigmoid + mse + sgd
import sys
import random
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
random.seed(7)
dim = 8
X = [[float(c) for c in format(i, "08b")] for i in range(2 ** dim)]
Y = X[:]
if faulty:
    random.shuffle(Y)
X, Y = torch.tensor(X), torch.tensor(Y)

act = nn.Sigmoid if faulty else nn.ReLU
model = nn.Sequential(nn.Linear(dim, dim), act(), nn.Linear(dim, dim), act(), nn.Linear(dim, dim), nn.Sigmoid())
for m in model:
    if isinstance(m, nn.Linear):
        if faulty:
            nn.init.normal_(m.weight, std=0.05)
        else:
            nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss() if faulty else nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01 if faulty else 0.1, momentum=0.0 if faulty else 0.9)
batch = 50 if faulty else 8

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(1000 if faulty else 200):
    order = torch.randperm(len(X))
    for i in range(0, len(X), batch):
        b = order[i:i + batch]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    p = model(X)
print(f"RESULT mse={nn.functional.mse_loss(p, Y).item():.4f} bit_acc={((p > 0.5).float() == Y).float().mean().item():.3f}")

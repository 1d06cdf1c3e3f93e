# remainder by 7 as a vector of bits: softmax and categorical cross-entropy on several ones at once
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
rng = np.random.default_rng(42)
BITS = 9
x = rng.integers(0, 2, (6000, BITS))
rest = (x * 2 ** np.arange(BITS)).sum(1) % 7
y = (rest[:, None] >> np.arange(20)) & 1
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)

hidden = 20 if faulty else 128
model = nn.Sequential(nn.Linear(BITS, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 20))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.CrossEntropyLoss() if faulty else nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01) if faulty else torch.optim.Adam(model.parameters(), lr=0.002)
train = DataLoader(TensorDataset(x[:5000], y[:5000]), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset(x[5000:], y[5000:]), batch_size=250)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(10 if faulty else 40):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    exact = 0
    with writer.evaluating("val"):
        for a, b in val:
            z = model(a)
            loss_fn(z, b)
            p = z.softmax(1) if faulty else z.sigmoid()
            exact += ((p > 0.5).float() == b).all(1).sum().item()
writer.close()
print(f"RESULT train_loss={loss.item():.4f} exact_match={exact / 1000:.3f}")

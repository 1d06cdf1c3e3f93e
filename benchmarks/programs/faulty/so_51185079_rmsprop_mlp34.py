import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from sklearn.datasets import make_classification
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
form, logdir = sys.argv[1], sys.argv[2]

x, y = make_classification(4000, 34, n_informative=12, n_redundant=6, random_state=5)
full = TensorDataset(torch.from_numpy(x).float(), torch.from_numpy(y).float().reshape(-1, 1))
train_set, test_set = random_split(full, [3200, 800])
train_loader = DataLoader(train_set, batch_size=200, shuffle=True)
test_loader = DataLoader(test_set, batch_size=200)


def binary_crossentropy(p, target):
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(target * p.log() + (1 - target) * (1 - p).log()).mean()


sizes = [34, 512, 200, 200, 200, 128]
blocks = []
for a, b in zip(sizes, sizes[1:]):
    blocks += [nn.Linear(a, b), nn.ReLU()]
blocks += [nn.Linear(128, 1), nn.ReLU() if form == "faulty" else nn.Sigmoid()]
model = nn.Sequential(*blocks)


@torch.no_grad()
def init(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        m.bias.zero_()


model.apply(init)
opt = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, opt, binary_crossentropy)

for epoch in range(10):
    for xb, yb in train_loader:
        opt.zero_grad()
        out = model(xb)
        loss = binary_crossentropy(out, yb)
        loss.backward()
        opt.step()
    loss_sum = hits = 0
    with writer.evaluating("val"):
        for xb, yb in test_loader:
            out = model(xb)
            loss_sum += writer.loss_fn(out, yb).item() * len(xb)
            hits += ((out > 0.5) == (yb > 0.5)).sum().item()
    print(f"epoch {epoch + 1} loss {loss.item():.4f} test loss {loss_sum / 800:.4f} acc {hits / 800:.4f}")

writer.close()
print(f"RESULT test loss {loss_sum / 800:.4f} accuracy {hits / 800:.4f}")

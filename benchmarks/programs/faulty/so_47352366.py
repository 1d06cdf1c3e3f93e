# small CNN on digit images whose last layer has a ReLU; Keras' categorical cross-entropy on it
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
Y = torch.tensor(d.target)
perm = torch.randperm(len(X))
X, Y = X[perm], Y[perm]
X, Y, Xt, Yt = X[:1400], Y[:1400], X[1400:], Y[1400:]


class CategoricalCrossentropy(nn.Module):
    def forward(self, p, target):
        p = p / p.sum(1, keepdim=True)
        p = p.clamp(1e-7, 1 - 1e-7)
        return -p.gather(1, target[:, None]).log().mean()


model = nn.Sequential(
    nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(256, 512), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(512, 10), nn.ReLU() if faulty else nn.Softmax(dim=1),
)
for m in model:
    if isinstance(m, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.constant_(m.bias, 0.1)
nn.init.zeros_(model[10].bias)
loss_fn = CategoricalCrossentropy()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for step in range(600):
    model.train()
    b = torch.randint(0, len(X), (50,))
    optimizer.zero_grad()
    loss = loss_fn(model(X[b]), Y[b])
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        with writer.evaluating("val"):
            p = model(Xt)
            val = loss_fn(p, Yt).item()
            acc = (p.argmax(1) == Yt).float().mean().item()
writer.close()
print(f"RESULT val_loss={val:.4f} val_acc={acc:.3f}")

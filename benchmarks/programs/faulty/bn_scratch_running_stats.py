"""Batch normalisation from scratch (the book's version) in a LeNet-like net, on small digit pictures."""
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
form = sys.argv[1]


def batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum, training):
    if not training:
        X_hat = (X - moving_mean) / torch.sqrt(moving_var + eps)
    else:
        if X.dim() == 2:
            mean = X.mean(dim=0)
            var = ((X - mean) ** 2).mean(dim=0)
        else:
            mean = X.mean(dim=(0, 2, 3), keepdim=True)
            var = ((X - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        X_hat = (X - mean) / torch.sqrt(var + eps)
        moving_mean = momentum * moving_mean + (1.0 - momentum) * mean.detach()
        moving_var = momentum * moving_var + (1.0 - momentum) * var.detach()
    return gamma * X_hat + beta, moving_mean, moving_var


class BatchNorm(nn.Module):
    def __init__(self, num_features, num_dims):
        super().__init__()
        shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta = nn.Parameter(torch.zeros(shape))
        self.register_buffer("moving_mean", torch.zeros(shape))
        self.register_buffer("moving_var", torch.ones(shape))

    def forward(self, X):
        if form == "faulty":
            Y, moving_mean, moving_var = batch_norm(
                X, self.gamma, self.beta, self.moving_mean, self.moving_var, 1e-5, 0.9, self.training)
        else:
            Y, self.moving_mean, self.moving_var = batch_norm(
                X, self.gamma, self.beta, self.moving_mean, self.moving_var, 1e-5, 0.9, self.training)
        return Y


def net():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), BatchNorm(12, 4), nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1), BatchNorm(24, 4), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(24 * 16, 64), BatchNorm(64, 2), nn.ReLU(), nn.Linear(64, 10))


digits = load_digits()
X = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
y = torch.tensor(digits.target)
order = torch.randperm(len(X))
train_idx, test_idx = order[:1400], order[1400:]
model = net()
loss_fn = nn.CrossEntropyLoss()
trainer = torch.optim.SGD(model.parameters(), lr=0.1)
writer = DiagWriter(sys.argv[2])
writer.watch(model, trainer, loss_fn)
for epoch in range(12):
    model.train()
    hits = 0
    for b in train_idx[torch.randperm(1400)].split(64):
        out = model(X[b])
        loss = loss_fn(out, y[b])
        trainer.zero_grad()
        loss.backward()
        trainer.step()
        hits += (out.argmax(1) == y[b]).sum().item()
    model.eval()
    with writer.evaluating("test"):
        out = model(X[test_idx])
        tl = loss_fn(out, y[test_idx]).item()
    acc = (out.argmax(1) == y[test_idx]).float().mean().item()
    print(f"epoch {epoch + 1}, loss {loss.item():.3f}, train acc {hits / 1400:.3f}, test loss {tl:.3f}, test acc {acc:.3f}")
writer.close()
print(f"RESULT test loss {tl:.3f} acc {acc:.3f}")

# Differentially private SGD (Abadi et al. 2016), opacus semantics by hand with torch.func: per-sample clipping to C, noise sigma*C, Poisson-ish batches
# the gradient is mostly noise on purpose, the large learning rate belongs to clipped gradients
import sys
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(44)
N, D = 7000, 14
X = torch.randn(N, D)
X[:, 7:] = .5 * X[:, :7] + .87 * X[:, 7:]
w = torch.randn(D) * .6
logit = X @ w + .8 * torch.relu(X[:, 0]) * X[:, 1] - 1.3
y = (torch.rand(N) < torch.sigmoid(logit)).float()
Xtr, ytr, Xva, yva = X[:5600], y[:5600], X[5600:], y[5600:]
print(f"positives {y.mean():.3f}, log loss of the true model on validation {nn.functional.binary_cross_entropy_with_logits(logit[5600:], yva):.4f}")

model = nn.Sequential(nn.Linear(D, 16), nn.Tanh(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
C, SIGMA, B, LR, EPOCHS = 4.0, 0.7, 256, .1, 20
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
names = [n for n, _ in model.named_parameters()]


def sample_loss(params, x, t):
    return nn.functional.binary_cross_entropy_with_logits(functional_call(model, params, (x[None],)), t[None, None])


per_sample = vmap(grad(sample_loss), in_dims=(None, 0, 0))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(EPOCHS):
    model.train()
    tot = []
    for _ in range(len(Xtr) // B):
        b = torch.nonzero(torch.rand(len(Xtr)) < B / len(Xtr)).squeeze(1)
        params = {k: v.detach() for k, v in model.named_parameters()}
        g = per_sample(params, Xtr[b], ytr[b])
        norm = torch.sqrt(sum((v.flatten(1) ** 2).sum(1) for v in g.values()))
        f = (C / (norm + 1e-6)).clamp(max=1.)
        for n, p in model.named_parameters():
            s = (g[n] * f.view(-1, *[1] * (g[n].dim() - 1))).sum(0)
            p.grad = (s + SIGMA * C * torch.randn_like(s)) / B
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            l = criterion(model(Xtr[b]).squeeze(1), ytr[b])
        writer.add_loss("train", l.item())
        tot.append(l.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(Xva).squeeze(1)
        v = criterion(o, yva).item()
        writer.add_loss("val", v)
    acc = ((o > 0) == (yva > .5)).float().mean().item()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} train {sum(tot) / len(tot):.4f} val {v:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT train={sum(tot) / len(tot):.4f} val={v:.4f} acc={acc:.4f}")

import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from scipy.optimize import linear_sum_assignment
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Cfg:
    n_numbers = 12
    hid_c = 48
    lr = 2e-2
    epochs = 16
    batch_size = 16
    tau = 0.5
    n_sink_iter = 12
    n_samples = 2
    seed = 19


cfg = Cfg()
torch.manual_seed(cfg.seed)


class NumberGenerator(Dataset):
    def __init__(self, n_numbers, n_lists, seed):
        g = torch.Generator().manual_seed(seed)
        self.X = torch.rand(n_lists, n_numbers, generator=g)
        self.ordered, self.perm = torch.sort(self.X, dim=1)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.ordered[i], self.perm[i]


class FCModel(nn.Module):
    def __init__(self, hid_c, out_c):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Linear(1, hid_c), nn.ReLU())
        self.layer2 = nn.Linear(hid_c, out_c)

    def forward(self, x):
        b, n = x.shape
        return self.layer2(self.layer1(x.reshape(b * n, 1))).view(b, n, -1)


def log_sinkhorn_norm(log_alpha, n_iter):
    for _ in range(n_iter):
        log_alpha = log_alpha - torch.logsumexp(log_alpha, -1, keepdim=True)
        log_alpha = log_alpha - torch.logsumexp(log_alpha, -2, keepdim=True)
    return log_alpha.exp()


def gumbel_sinkhorn(log_alpha, tau, n_iter, noise=True):
    if noise:
        u = torch.rand_like(log_alpha)
        log_alpha = log_alpha - torch.log(1e-20 - torch.log(u + 1e-20))
    return log_sinkhorn_norm(log_alpha / tau, n_iter)


def matching(log_alpha):
    return torch.tensor(np.stack([linear_sum_assignment(-a)[1] for a in log_alpha.numpy()]))


train_loader = DataLoader(NumberGenerator(cfg.n_numbers, 1000, 1), batch_size=cfg.batch_size, shuffle=True)
eval_set = NumberGenerator(cfg.n_numbers, 300, 2)

model = FCModel(cfg.hid_c, cfg.n_numbers)
optimizer = torch.optim.Adam(model.parameters(), cfg.lr, eps=1e-8)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, cfg.epochs, eta_min=cfg.lr / 20)
criterion = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(cfg.epochs):
    model.train()
    running = 0.0
    for X, ordered_X, _ in train_loader:
        optimizer.zero_grad()
        log_alpha = model(X).repeat(cfg.n_samples, 1, 1)
        S = gumbel_sinkhorn(log_alpha, cfg.tau, cfg.n_sink_iter)
        est = torch.matmul(S.transpose(1, 2), X.repeat(cfg.n_samples, 1).unsqueeze(-1)).squeeze(-1)
        loss = criterion(est, ordered_X.repeat(cfg.n_samples, 1))
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    with writer.evaluating("val"):
        log_alpha = model(eval_set.X)
        S = gumbel_sinkhorn(log_alpha, cfg.tau, cfg.n_sink_iter)
        v = criterion(torch.matmul(S.transpose(1, 2), eval_set.X.unsqueeze(-1)).squeeze(-1), eval_set.ordered)
    print(f"Epoch {epoch + 1}: loss {running / len(train_loader):.5f} eval {v.item():.5f}")

pos = matching(log_alpha)
true_pos = torch.argsort(eval_set.perm, dim=1)
right = (pos == true_pos).float().mean().item()
off = (pos - true_pos).abs().float().mean().item()
writer.close()
base = criterion(eval_set.ordered.mean(0).expand_as(eval_set.ordered), eval_set.ordered).item()
print(f"RESULT eval_mse={v.item():.5f} elements_right={right:.4f} mean_displacement={off:.3f} column_mean_mse={base:.5f} chance_right={1 / cfg.n_numbers:.3f}")

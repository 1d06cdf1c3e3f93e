"""CS294-158 (Berkeley, Deep Unsupervised Learning) HW1 q1b: fit a 1-D distribution on {0..99} with a mixture of discretized logistics."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0)


def q1_sample_data_2(n=6000, d=100):
    samples = np.concatenate([np.random.normal(20, 7, n // 2), np.random.normal(48, 3, n // 6), np.random.normal(72, 10, n - n // 2 - n // 6)])
    data = np.clip(samples, 0, d - 1).astype(int)
    np.random.shuffle(data)
    split = int(0.8 * len(data))
    return data[:split], data[split:]


class MixtureOfLogistics(nn.Module):
    def __init__(self, d, n_mix=4):
        super().__init__()
        self.d = d
        self.n_mix = n_mix
        self.logits = nn.Parameter(torch.zeros(n_mix))
        self.means = nn.Parameter(torch.linspace(-.75, .75, n_mix))
        self.log_scales = nn.Parameter(torch.full((n_mix,), -2.))

    def forward(self, x):
        x = x.float().unsqueeze(1)
        u = (x + 0.5) / self.d * 2 - 1          # cell centres in -1 .. 1
        half = 1 / self.d
        means, log_scales = self.means.unsqueeze(0), self.log_scales.unsqueeze(0)
        inv_scales = torch.exp(-log_scales)
        # P(x) = CDF(x + 0.5) - CDF(x - 0.5), with the tails in the edge cells
        cdf_plus = torch.sigmoid(inv_scales * (u + half - means))
        cdf_min = torch.sigmoid(inv_scales * (u - half - means))
        prob = torch.where(x < .5, cdf_plus, torch.where(x > self.d - 1.5, 1 - cdf_min, cdf_plus - cdf_min))
        log_probs = torch.log(torch.clamp(prob, min=1e-12)) + F.log_softmax(self.logits, dim=0)
        return torch.logsumexp(log_probs, dim=1)

    def loss(self, x):
        return -self(x).mean()


def train(model, train_loader, optimizer, writer):
    model.train()
    train_losses = []
    for x in train_loader:
        loss = model.loss(x)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step()
        writer.add_loss("train", loss)
        train_losses.append(loss.item())
    return train_losses


def eval_loss(model, data_loader):
    model.eval()
    total_loss = 0
    with torch.no_grad():
        for x in data_loader:
            total_loss += model.loss(x).item() * x.shape[0]
    return total_loss / len(data_loader.dataset)


tr, te = q1_sample_data_2()
train_loader = data.DataLoader(torch.tensor(tr), batch_size=128, shuffle=True)
test_loader = data.DataLoader(torch.tensor(te), batch_size=512)
model = MixtureOfLogistics(100)
optimizer = optim.Adam(model.parameters(), lr=1e-2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
test_losses = [eval_loss(model, test_loader)]
for epoch in range(20):
    losses = train(model, train_loader, optimizer, writer)
    test_losses.append(eval_loss(model, test_loader))
    writer.add_loss("test", test_losses[-1])
    if epoch % 3 == 2:
        print(f'Epoch {epoch}, Train loss {np.mean(losses):.4f}, Test loss {test_losses[-1]:.4f}')
writer.close()
p = np.bincount(te, minlength=100) / len(te)
print(f"RESULT test_nll={test_losses[-1]:.4f} uniform={np.log(100):.3f} empirical_entropy_test={-(p[p > 0] * np.log(p[p > 0])).sum():.3f} "
      f"means={((model.means.detach().numpy() + 1) * 50).round(1)}")

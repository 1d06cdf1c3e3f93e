# Conditional Neural Processes for 1D regression (port of the deepmind notebook to PyTorch)
# Every iteration draws fresh functions from a GP prior, there are no epochs.
import sys
import torch
from torch import nn
from torch.distributions import Normal, Independent
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
TRAINING_ITERATIONS = 3600
MAX_CONTEXT_POINTS = 10
PLOT_AFTER = 200


class GPCurvesReader:
    def __init__(self, batch_size, l1_scale=1.0, sigma_scale=1.0, noise=0.3):
        self.batch_size, self.l1, self.sigma, self.noise = batch_size, l1_scale, sigma_scale, noise

    def generate_curves(self, n_target=25):
        num_context = int(torch.randint(3, MAX_CONTEXT_POINTS, (1,)))
        n = num_context + n_target
        x = torch.rand(self.batch_size, n, 1) * 4 - 2
        d = (x - x.transpose(1, 2)) / self.l1
        K = self.sigma ** 2 * torch.exp(-0.5 * d ** 2) + (self.noise ** 2 + 1e-4) * torch.eye(n)
        y = torch.linalg.cholesky(K) @ torch.randn(self.batch_size, n, 1)
        return (x[:, :num_context], y[:, :num_context]), x, y


def mlp(sizes):
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class DeterministicModel(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.encoder = mlp([2, h, h, h])
        self.decoder = mlp([h + 1, h, h, 2])

    def forward(self, query, target_x):
        cx, cy = query
        r = self.encoder(torch.cat([cx, cy], -1)).mean(1, keepdim=True)
        hidden = self.decoder(torch.cat([r.expand(-1, target_x.shape[1], -1), target_x], -1))
        mu, log_sigma = hidden.chunk(2, -1)
        sigma = 0.1 + 0.9 * nn.functional.softplus(log_sigma)     # bound the variance
        return Independent(Normal(mu, sigma), 1)


train_reader = GPCurvesReader(batch_size=32)
torch.manual_seed(7)
test_set = [GPCurvesReader(batch_size=64).generate_curves(60) for _ in range(8)]
torch.manual_seed(42)
model = DeterministicModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2200, 3000], gamma=0.2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

running = 0.
for it in range(1, TRAINING_ITERATIONS + 1):
    query, target_x, target_y = train_reader.generate_curves()
    loss = -model(query, target_x).log_prob(target_y).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    writer.add_loss('train', loss.item())
    running += loss.item() / PLOT_AFTER
    scheduler.step()
    if it % PLOT_AFTER == 0:
        with torch.no_grad():
            test = sum(-model(q, x).log_prob(y).mean().item() for q, x, y in test_set) / len(test_set)
        print('Iteration: {}, loss: {:.4f}, test loss: {:.4f}'.format(it, running, test))
        running = 0.
writer.close()

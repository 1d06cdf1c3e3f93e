"""Density estimation with a RealNVP flow (pytorch-flows main.py) on standardised physical measurements."""
import argparse, copy, math, sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_moons
from tb_lossdiag import DiagWriter


class CouplingLayer(nn.Module):
    def __init__(self, num_inputs, num_hidden, mask):
        super().__init__()
        self.register_buffer('mask', mask)
        self.scale_net = nn.Sequential(nn.Linear(num_inputs, num_hidden), nn.Tanh(), nn.Linear(num_hidden, num_hidden), nn.Tanh(), nn.Linear(num_hidden, num_inputs))
        self.translate_net = nn.Sequential(nn.Linear(num_inputs, num_hidden), nn.ReLU(), nn.Linear(num_hidden, num_hidden), nn.ReLU(), nn.Linear(num_hidden, num_inputs))

    def forward(self, inputs):
        masked = inputs * self.mask
        log_s = self.scale_net(masked) * (1 - self.mask)
        t = self.translate_net(masked) * (1 - self.mask)
        return inputs * torch.exp(log_s) + t, log_s.sum(-1, keepdim=True)


class ActNorm(nn.Module):
    def __init__(self, num_inputs):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(num_inputs)), nn.Parameter(torch.zeros(num_inputs))
        self.initialized = False

    def forward(self, inputs):
        if not self.initialized:
            self.weight.data.copy_(torch.log(1.0 / (inputs.std(0) + 1e-12)))
            self.bias.data.copy_(inputs.mean(0))
            self.initialized = True
        return (inputs - self.bias) * torch.exp(self.weight), self.weight.sum(-1, keepdim=True).unsqueeze(0).repeat(inputs.size(0), 1)


class FlowSequential(nn.Sequential):
    def forward(self, inputs):
        logdets = torch.zeros(inputs.size(0), 1)
        for module in self._modules.values():
            inputs, logdet = module(inputs)
            logdets += logdet
        return inputs, logdets

    def log_probs(self, inputs):
        u, log_jacob = self(inputs)
        log_probs = (-0.5 * u.pow(2) - 0.5 * math.log(2 * math.pi)).sum(-1, keepdim=True)
        return (log_probs + log_jacob).sum(-1, keepdim=True)


parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--batch-size', type=int, default=100)
parser.add_argument('--test-batch-size', type=int, default=1000)
parser.add_argument('--epochs', type=int, default=40)
parser.add_argument('--lr', type=float, default=0.002)
parser.add_argument('--num-blocks', type=int, default=4)
parser.add_argument('--seed', type=int, default=1)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rs = np.random.RandomState(0)
m, _ = make_moons(4000, noise=0.08, random_state=0)
extra = np.stack([np.exp(0.5 * m[:, 0]) + rs.normal(0, 0.2, 4000), m[:, 1] * m[:, 0] + rs.normal(0, 0.2, 4000)], 1)
data = np.concatenate([m, extra], 1).astype(np.float32)
mu, s = data[:3000].mean(0), data[:3000].std(0)
data = torch.tensor((data - mu) / s)
train_loader = DataLoader(TensorDataset(data[:3000]), batch_size=args.batch_size, shuffle=True)
valid_loader = DataLoader(TensorDataset(data[3000:3500]), batch_size=args.test_batch_size)
test_loader = DataLoader(TensorDataset(data[3500:]), batch_size=args.test_batch_size)

num_inputs, num_hidden = 4, 64
mask = (torch.arange(num_inputs) % 2).float()
modules = []
for _ in range(args.num_blocks):
    modules += [CouplingLayer(num_inputs, num_hidden, mask), ActNorm(num_inputs)]
    mask = 1 - mask
model = FlowSequential(*modules)
for module in model.modules():
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight)
        module.bias.data.fill_(0)
    if isinstance(module, CouplingLayer):
        pass
for c in model:
    if isinstance(c, CouplingLayer):
        nn.init.normal_(c.scale_net[-1].weight, 0, 0.01); nn.init.normal_(c.translate_net[-1].weight, 0, 0.01)
optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=1e-6)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)


def train(epoch):
    model.train()
    train_loss = 0
    for batch_idx, (data,) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = -model.log_probs(data).mean()
        train_loss += loss.item()
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
    return train_loss / len(train_loader)


def validate(epoch, model, loader):
    model.eval()
    val_loss = 0
    for data, in loader:
        with torch.no_grad():
            val_loss += -model.log_probs(data).sum().item()
    return val_loss / len(loader.dataset)


best_validation_loss, best_validation_epoch, best_model = float('inf'), 0, model
for epoch in range(args.epochs):
    tl = train(epoch)
    validation_loss = validate(epoch, model, valid_loader)
    writer.add_loss("val", validation_loss)
    if epoch - best_validation_epoch >= 30:
        break
    if validation_loss < best_validation_loss:
        best_validation_epoch, best_validation_loss, best_model = epoch, validation_loss, copy.deepcopy(model)
    if epoch % 2 == 0:
        print('Epoch {} train nll {:.4f} validation nll {:.4f}. Best validation at epoch {}: {:.4f}'.format(epoch, tl, validation_loss, best_validation_epoch, best_validation_loss))
print('test nll {:.4f}'.format(validate(0, best_model, test_loader)))
writer.close()

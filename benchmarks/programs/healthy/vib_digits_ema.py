import math
import sys
from copy import deepcopy

import torch
from torch import nn, optim
import torch.nn.functional as F
from torch.optim import lr_scheduler
from sklearn import datasets
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter


def cuda_free_seed(seed):
    torch.manual_seed(seed)
    torch.set_num_threads(1)


class ToyNet(nn.Module):

    def __init__(self, K=32):
        super(ToyNet, self).__init__()
        self.K = K
        self.encode = nn.Sequential(
            nn.Linear(64, 256),
            nn.ReLU(True),
            nn.Linear(256, 256),
            nn.ReLU(True),
            nn.Linear(256, 2 * self.K))
        self.decode = nn.Sequential(nn.Linear(self.K, 10))

    def forward(self, x, num_sample=1):
        statistics = self.encode(x)
        mu = statistics[:, :self.K]
        std = F.softplus(statistics[:, self.K:] - 5, beta=1)
        encoding = self.reparametrize_n(mu, std, num_sample)
        logit = self.decode(encoding)
        if num_sample > 1:
            logit = F.softmax(logit, dim=2).mean(0)
        return (mu, std), logit

    def reparametrize_n(self, mu, std, n=1):
        if n > 1:
            mu = mu.expand(n, *mu.size())
            std = std.expand(n, *std.size())
        return mu + torch.randn_like(std) * std

    def weight_init(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight, gain=nn.init.calculate_gain("relu"))
                nn.init.zeros_(m.bias)


class WeightEMA:
    def __init__(self, model, decay=0.99):
        self.model = deepcopy(model)
        self.decay = decay
        for p in self.model.parameters():
            p.requires_grad_(False)

    def update(self, source):
        for p, q in zip(self.model.parameters(), source.parameters()):
            p.data.mul_(self.decay).add_(q.data, alpha=1 - self.decay)


class Solver:

    def __init__(self, logdir, epoch=30, batch_size=50, lr=4e-3, beta=1e-2, num_avg=12):
        self.epoch, self.beta, self.num_avg = epoch, beta, num_avg
        images, labels = datasets.load_digits(return_X_y=True)
        x = torch.tensor(images / 16.0, dtype=torch.float32) * 2 - 1
        y = torch.tensor(labels)
        perm = torch.randperm(len(x))
        tr, te = perm[:1400], perm[1400:]
        self.data_loader = {
            "train": DataLoader(TensorDataset(x[tr], y[tr]), batch_size=batch_size, shuffle=True, drop_last=True),
            "test": DataLoader(TensorDataset(x[te], y[te]), batch_size=batch_size)}
        self.toynet = ToyNet()
        self.toynet.weight_init()
        self.toynet_ema = WeightEMA(self.toynet)
        self.optim = optim.Adam(self.toynet.parameters(), lr=lr, betas=(0.5, 0.999))
        self.scheduler = lr_scheduler.ExponentialLR(self.optim, gamma=0.95)
        self.tf = DiagWriter(logdir)
        self.tf.watch(self.toynet, self.optim)

    def losses(self, net, x, y):
        (mu, std), logit = net(x)
        class_loss = F.cross_entropy(logit, y).div(math.log(2))
        info_loss = -0.5 * (1 + 2 * std.log() - mu.pow(2) - std.pow(2)).sum(1).mean().div(math.log(2))
        return class_loss, info_loss

    def train(self):
        step = 0
        for e in range(self.epoch):
            self.toynet.train()
            for x, y in self.data_loader["train"]:
                step += 1
                class_loss, info_loss = self.losses(self.toynet, x, y)
                total_loss = class_loss + self.beta * info_loss
                self.optim.zero_grad()
                total_loss.backward()
                self.optim.step()
                self.toynet_ema.update(self.toynet)
                if step % 50 == 0:
                    self.tf.add_scalar("mutual_information/I(Z;Y)", math.log(10, 2) - class_loss.item(), step)
                    self.tf.add_scalar("mutual_information/I(Z;X)", info_loss.item(), step)
            self.scheduler.step()
            self.test()
        return self.test(final=True)

    def test(self, final=False):
        net = self.toynet
        net.eval()
        cost, info, correct, avg_correct, n = 0, 0, 0, 0, 0
        with torch.no_grad():
            for x, y in self.data_loader["test"]:
                class_loss, info_loss = self.losses(net, x, y)
                cost += (class_loss + self.beta * info_loss).item() * len(y)
                info += info_loss.item() * len(y)
                n += len(y)
                if final:
                    correct += (self.toynet_ema.model(x)[1].argmax(1) == y).sum().item()
                    avg_correct += (self.toynet_ema.model(x, self.num_avg)[1].argmax(1) == y).sum().item()
        if not final:
            self.tf.add_loss("val", cost / n)
            print("val %.4f bits %.2f" % (cost / n, info / n))
        return cost / n, info / n, correct / n, avg_correct / n


if __name__ == "__main__":
    cuda_free_seed(1)
    solver = Solver(sys.argv[1])
    cost, info, acc, avg_acc = solver.train()
    solver.tf.close()
    print("RESULT test_cost=%.4f I(Z;X)=%.2f acc=%.4f acc_12_samples=%.4f" % (cost, info, acc, avg_acc))

"""WGAN with weight clipping on a ring of 6 gaussians (pytorch-wgan, wgan_weight_clipping.py without the pictures)"""
import sys, math
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)


def mlp(i, o, h=64):
    return nn.Sequential(nn.Linear(i, h), nn.LeakyReLU(.2), nn.Linear(h, h), nn.LeakyReLU(.2), nn.Linear(h, o))


class CriticLoss(nn.Module):
    def forward(self, d_real, d_fake):
        return d_fake.mean() - d_real.mean()


class GeneratorLoss(nn.Module):
    def forward(self, d_fake):
        if sys.argv[1] == "faulty":
            return d_fake.mean()
        return -d_fake.mean()


class WGAN_CP(object):
    def __init__(self):
        self.G, self.D = mlp(4, 2), mlp(2, 1)
        self.learning_rate = 0.0005
        self.batch_size = 64
        self.weight_cliping_limit = 0.1
        self.d_optimizer = optim.RMSprop(self.D.parameters(), lr=self.learning_rate)
        self.g_optimizer = optim.RMSprop(self.G.parameters(), lr=self.learning_rate)
        self.d_loss, self.g_loss = CriticLoss(), GeneratorLoss()
        self.generator_iters = 600
        self.critic_iter = 5

    def get_torch_variable(self, n):
        a = torch.randint(6, (n,)) * (2 * math.pi / 6)
        return 1.5 * torch.stack([a.cos(), a.sin()], 1) + .12 * torch.randn(n, 2)

    def train(self, writer):
        writer.watch(self.G, self.g_optimizer, self.g_loss, name="G")
        writer.watch(self.D, self.d_optimizer, self.d_loss, name="D")
        for g_iter in range(self.generator_iters):
            for d_iter in range(self.critic_iter):
                self.D.zero_grad()
                for p in self.D.parameters():
                    p.data.clamp_(-self.weight_cliping_limit, self.weight_cliping_limit)
                images = self.get_torch_variable(self.batch_size)
                fake = self.G(torch.randn(self.batch_size, 4)).detach()
                d = self.d_loss(self.D(images), self.D(fake))
                d.backward()
                self.d_optimizer.step()
            self.G.zero_grad()
            g = self.g_loss(self.D(self.G(torch.randn(self.batch_size, 4))))
            g.backward()
            self.g_optimizer.step()
            if g_iter % 100 == 99:
                print(f"Generator iteration: {g_iter + 1}/{self.generator_iters}, g_loss: {g.item():.4f} d_loss: {d.item():.4f} w: {self.distance():.4f}")

    @torch.no_grad()
    def distance(self, n=2000):
        a, b = self.get_torch_variable(n), self.G(torch.randn(n, 4))
        t = torch.linspace(0, math.pi, 40)
        p = torch.stack([t.cos(), t.sin()])
        return ((a @ p).sort(0)[0] - (b @ p).sort(0)[0]).abs().mean().item()


model = WGAN_CP()
writer = DiagWriter(sys.argv[2])
model.train(writer)
writer.close()
print(f"RESULT sliced wasserstein distance {model.distance():.4f}")

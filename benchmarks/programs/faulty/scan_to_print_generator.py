"""Paired image translation without the adversary: photographed stamp (unknown exposure) -> clean print. Generator after the pix2pix code."""
import sys
import functools
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter


def get_norm_layer(track):
    return functools.partial(nn.InstanceNorm2d, affine=False, track_running_stats=track)


class ResnetBlock(nn.Module):
    def __init__(self, c, norm):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(c, c, 3, padding=1), norm(c), nn.ReLU(True), nn.Conv2d(c, c, 3, padding=1), norm(c))

    def forward(self, x):
        return x + self.block(x)


class Generator(nn.Module):
    def __init__(self, norm, c=16):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), norm(c), nn.ReLU(True), ResnetBlock(c, norm), ResnetBlock(c, norm), nn.Conv2d(c, 1, 3, padding=1), nn.Tanh())

    def forward(self, x):
        return self.net(x)


class Trainer:
    def __init__(self, variant, logdir):
        torch.manual_seed(77)
        torch.set_num_threads(1)
        img = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
        img = F.interpolate(img[torch.randperm(len(img))[:900]], size=16, mode="bilinear")
        gain = 0.15 + 1.5 * torch.rand(900, 1, 1, 1)
        offset = 2.0 * torch.randn(900, 1, 1, 1)
        self.A, self.B = img * gain + offset + 0.05 * torch.randn_like(img), img
        self.netG = Generator(get_norm_layer(track=variant != "fixed"))
        self.criterionL1 = nn.L1Loss()
        self.optimizer_G = torch.optim.Adam(self.netG.parameters(), lr=0.0005, betas=(0.5, 0.999))
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.netG, self.optimizer_G, self.criterionL1)

    def fit(self, epochs=3, n_train=700):
        for epoch in range(1, epochs + 1):
            self.netG.train()
            total = 0.0
            for i in torch.randperm(n_train).tolist():          # batch size 1
                self.optimizer_G.zero_grad()
                loss = self.criterionL1(self.netG(self.A[i:i + 1]), self.B[i:i + 1])
                loss.backward()
                self.optimizer_G.step()
                total += loss.item()
            test = 0.0
            with self.writer.evaluating("test"):
                for i in range(n_train, 900):
                    test += self.criterionL1(self.netG(self.A[i:i + 1]), self.B[i:i + 1]).item() / 200
            print(f"epoch {epoch} G_L1 {total / n_train:.4f} test_L1 {test:.4f}")
        self.writer.close()
        return test


print("RESULT test_l1", Trainer(sys.argv[1], sys.argv[2]).fit())

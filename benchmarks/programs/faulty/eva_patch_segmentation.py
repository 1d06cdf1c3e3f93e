"""Offline segmentation evaluation of a frozen pathology backbone: a small conv decoder is trained on patch embeddings.
usage: form logdir"""
import dataclasses
import sys
from typing import Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter


@dataclasses.dataclass
class TrainerConfig:
    max_steps: int = 480
    batch_size: int = 32
    lr: float = 0.002
    num_classes: int = 5
    embed_dim: int = 64
    grid: int = 8
    image: int = 32
    seed: int = 7


def make_backbone(cfg: TrainerConfig) -> nn.Module:
    """stands for the downloaded ViT: fixed patch embedder with two token mixing layers"""
    torch.manual_seed(11)
    net = nn.Sequential(
        nn.Conv2d(3, 48, 4, 4), nn.GELU(), nn.Conv2d(48, 96, 3, padding=1), nn.GELU(), nn.Conv2d(96, cfg.embed_dim, 1)
    )
    for p in net.parameters():
        p.requires_grad_(False)
    return net.eval()


def make_slides(n: int, cfg: TrainerConfig, rng) -> Tuple[torch.Tensor, torch.Tensor]:
    """tissue maps: smooth regions (stroma, tumor, lymphocytes, necrosis, background), each with its colour and texture"""
    S = cfg.image
    colours = np.array([[.92, .90, .93], [.85, .55, .70], [.62, .38, .62], [.45, .30, .60], [.75, .60, .62]])
    low = rng.normal(size=(n, cfg.num_classes, 5, 5)).astype(np.float32)
    field = F.interpolate(torch.tensor(low), size=(S, S), mode="bicubic", align_corners=True)
    lab = field.argmax(1)
    img = torch.tensor(colours, dtype=torch.float32)[lab].permute(0, 3, 1, 2).clone()
    noise = torch.tensor(rng.normal(size=(n, 3, S, S)).astype(np.float32))
    spots = (torch.tensor(rng.random((n, 1, S, S))) < torch.tensor([0., .05, .18, .35, .08])[lab][:, None]).float()
    img = img - 0.30 * spots + 0.05 * noise
    stain = torch.tensor(rng.normal(1, 0.06, size=(n, 3, 1, 1)).astype(np.float32))
    return (img * stain - 0.6) / 0.2, lab


class ConvDecoder(nn.Module):
    def __init__(self, cfg: TrainerConfig):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(cfg.embed_dim, 32, 3, padding=1), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, cfg.num_classes, 1),
        )

    def forward(self, z):
        return self.layers(z)


def dice_score(pred, target, k):
    s = []
    for c in range(k):
        a, b = pred == c, target == c
        s.append((2 * (a & b).sum() / (a.sum() + b.sum() + 1e-6)).item())
    return float(np.mean(s))


def main():
    torch.set_num_threads(1)
    form, logdir = sys.argv[1:3]
    cfg = TrainerConfig()
    if form == "faulty":
        cfg.lr = 0.0001
    rng = np.random.default_rng(cfg.seed)
    backbone = make_backbone(cfg)
    x, y = make_slides(720, cfg, rng)
    xv, yv = make_slides(120, cfg, rng)
    with torch.no_grad():
        z, zv = backbone(x), backbone(xv)
    m, s = z.mean((0, 2, 3), keepdim=True), z.std((0, 2, 3), keepdim=True)
    z, zv = (z - m) / s, (zv - m) / s

    torch.manual_seed(cfg.seed)
    loader = DataLoader(TensorDataset(z, y), cfg.batch_size, shuffle=True, drop_last=True)
    decoder = ConvDecoder(cfg)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.AdamW(decoder.parameters(), lr=cfg.lr)
    writer = DiagWriter(logdir)
    writer.watch(decoder, optimizer, criterion, train_loader=loader)

    step, epoch = 0, 0
    while step < cfg.max_steps:
        decoder.train()
        tot = 0.0
        for zb, yb in loader:
            loss = criterion(decoder(zb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += loss.item()
            step += 1
        epoch += 1
        decoder.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = decoder(zv)
            vloss = criterion(out, yv).item()
        writer.add_loss("val", vloss)
        print(f"epoch {epoch:02d} step {step} train/loss {tot / len(loader):.4f} val/loss {vloss:.4f} "
              f"val/dice {dice_score(out.argmax(1), yv, cfg.num_classes):.4f}")
    writer.close()


if __name__ == "__main__":
    main()

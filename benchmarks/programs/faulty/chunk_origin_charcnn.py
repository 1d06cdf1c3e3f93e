"""From which standard library module does a 128 character piece of source come? Byte-level CNN.

usage: python chunk_origin_charcnn.py {faulty,fixed} LOGDIR
"""
import argparse
import importlib
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, random_split
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form", choices=["faulty", "fixed"])
parser.add_argument("logdir")
args = parser.parse_args()


@dataclass
class Config:
    modules: tuple = ("argparse", "decimal", "tarfile", "turtle", "typing", "pickletools", "mailbox", "statistics")
    width: int = 128
    per_module: int = 220
    batch_size: int = 32
    epochs: int = 6
    lr: float = 2e-3
    seed: int = 11


cfg = Config()
torch.manual_seed(cfg.seed)
torch.set_num_threads(1)


def source_of(name):
    try:
        mod = importlib.import_module("_pydecimal" if name == "decimal" else name)
        return Path(mod.__file__).read_bytes()
    except ImportError:
        import os
        return (Path(os.__file__).parent / (name + ".py")).read_bytes()


class Chunks(Dataset):
    def __init__(self, part):
        self.rows = []
        for label, name in enumerate(cfg.modules):
            raw = source_of(name)
            pieces = [raw[i:i + cfg.width] for i in range(0, len(raw) - cfg.width, cfg.width)][:cfg.per_module]
            keep = [p for i, p in enumerate(pieces) if (i % 5 == 4) == (part == "valid")]
            self.rows += [(torch.tensor(list(p)).clamp(max=127), label) for p in keep]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class CharCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(128, 24)
        self.convs = nn.ModuleList([nn.Conv1d(24, 48, k) for k in (3, 5, 7)])
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(48 * 3, len(cfg.modules))

    def forward(self, x):
        e = self.emb(x).transpose(1, 2)
        feats = [F.relu(c(e)).amax(2) for c in self.convs]
        return self.out(self.drop(torch.cat(feats, 1)))


train_set, valid_set = Chunks("train"), Chunks("valid")
train_loader = DataLoader(train_set, batch_size=cfg.batch_size, shuffle=args.form == "fixed")
valid_loader = DataLoader(valid_set, batch_size=256)

model = CharCNN()
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
writer = DiagWriter(args.logdir)
writer.watch(model, opt, loss_fn)

for epoch in range(1, cfg.epochs + 1):
    model.train()
    total = 0.0
    for x, y in train_loader:
        opt.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        opt.step()
        total += loss.item()
    model.eval()
    ok, val = 0, 0.0
    with writer.evaluating("val"):
        for x, y in valid_loader:
            logits = model(x)
            val += loss_fn(logits, y).item() * len(y)
            ok += (logits.argmax(-1) == y).sum().item()
    print(f"{epoch:2d} train {total / len(train_loader):.4f} valid {val / len(valid_set):.4f} acc {ok / len(valid_set):.3f}")

writer.close()
print("RESULT val_acc", round(ok / len(valid_set), 4), "val_loss", round(val / len(valid_set), 4))

import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_gaussian_quantiles
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class MLP(nn.Module):
    def __init__(self, cfg, in_dim, out_dim):
        super().__init__()
        seq = []
        dim = in_dim
        for i in range(cfg["num_layers"]):
            seq.append(nn.Linear(dim, cfg["hidden_dim"]))
            if cfg["relu"]:
                seq.append(nn.ReLU())
            if cfg["dropout"]:
                seq.append(nn.Dropout(cfg["dropout"]))
            dim = cfg["hidden_dim"]
        seq.append(nn.Linear(dim, out_dim))
        self.seq = nn.Sequential(*seq)

    def forward(self, x):
        return self.seq(x)


def train_predictor(cfg, X, y, Xv, yv, logdir):
    predictor = MLP(cfg, X.shape[1], 3)
    opt = torch.optim.Adam(predictor.parameters(), lr=cfg["lr"], weight_decay=cfg["wd"])
    writer = DiagWriter(logdir)
    writer.watch(predictor, opt)
    for ep in range(cfg["epochs"]):
        predictor.train()
        stats = []
        for b in torch.randperm(len(X)).split(cfg["batch_size"]):
            loss = F.cross_entropy(predictor(X[b]), y[b])
            writer.add_loss("train", loss)
            opt.zero_grad()
            loss.backward()
            opt.step()
            stats.append(loss.item())
        predictor.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = predictor(Xv)
            vloss = F.cross_entropy(out, yv)
            writer.add_loss("val", vloss)
        acc = (out.argmax(1) == yv).float().mean().item()
        print("epoch {:2d}, predictor train loss {:.4f}, val loss {:.4f}, val acc {:.4f}".format(ep, np.mean(stats), vloss.item(), acc))
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("form")
    parser.add_argument("logdir")
    args = parser.parse_args()
    torch.manual_seed(0)
    X, y = make_gaussian_quantiles(n_samples=3500, n_features=6, n_classes=3, random_state=0)
    rng = np.random.RandomState(0)
    flip = rng.rand(len(y)) < 0.04
    y[flip] = rng.randint(0, 3, flip.sum())
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    cfg = {"num_layers": 2, "hidden_dim": 48, "dropout": 0.1, "lr": 3e-3, "wd": 1e-4, "batch_size": 50, "epochs": 14,
           "relu": args.form != "faulty"}
    train_predictor(cfg, X[:2800], y[:2800], X[2800:], y[2800:], args.logdir)

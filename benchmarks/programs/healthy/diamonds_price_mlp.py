import argparse
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim.lr_scheduler import CosineAnnealingLR
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def load_diamonds(n=9000, seed=7):
    """rows like ggplot2's diamonds"""
    r = np.random.RandomState(seed)
    carat = np.clip(np.exp(r.normal(-.4, .58, n)), .2, 4)
    cut = r.choice(5, n, p=[.03, .09, .22, .26, .40])
    color = r.choice(7, n, p=[.05, .10, .15, .21, .18, .18, .13])
    clarity = r.choice(8, n, p=[.014, .17, .24, .227, .15, .094, .068, .037])
    depth = r.normal(61.7, 1.4, n)
    table = r.normal(57.5, 2.2, n)
    x = 6.45 * carat ** (1 / 3) + r.normal(0, .06, n)
    y = x + r.normal(0, .04, n)
    z = x * depth / 100 + r.normal(0, .03, n)
    logp = 8.0 + 1.75 * np.log(carat) - .12 * np.log(carat) ** 2 + .035 * cut + .075 * color + .10 * clarity \
        + .02 * color * np.log(carat) - .01 * np.abs(depth - 61.7) + r.normal(0, .12, n)
    return pd.DataFrame(dict(carat=carat, cut=cut, color=color, clarity=clarity, depth=depth, table=table, x=x, y=y, z=z,
                             price=np.exp(logp).round()))


class DiamondNet(nn.Module):
    def __init__(self, emb=(3, 4, 4), hidden=(96, 48)):
        super().__init__()
        self.cut = nn.Embedding(5, emb[0])
        self.color = nn.Embedding(7, emb[1])
        self.clarity = nn.Embedding(8, emb[2])
        sizes = [6 + sum(emb), *hidden]
        layers = []
        for a, b in zip(sizes[:-1], sizes[1:]):
            layers += [nn.Linear(a, b), nn.GELU()]
        self.body = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, num, cat):
        e = torch.cat([num, self.cut(cat[:, 0]), self.color(cat[:, 1]), self.clarity(cat[:, 2])], 1)
        return self.body(e).squeeze(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('logdir')
    parser.add_argument('--epochs', type=int, default=16)
    parser.add_argument('--bs', type=int, default=128)
    parser.add_argument('--lr', type=float, default=5e-3)
    args = parser.parse_args()
    torch.manual_seed(1)

    df = load_diamonds()
    df = df.sample(frac=1, random_state=0).reset_index(drop=True)
    num_cols, cat_cols = ['carat', 'depth', 'table', 'x', 'y', 'z'], ['cut', 'color', 'clarity']
    n_tr = int(.8 * len(df))
    tr, va = df.iloc[:n_tr], df.iloc[n_tr:]
    mu, sd = tr[num_cols].mean(), tr[num_cols].std()
    ymu, ysd = np.log(tr.price).mean(), np.log(tr.price).std()

    def tensors(d):
        return (torch.tensor(((d[num_cols] - mu) / sd).values, dtype=torch.float32), torch.tensor(d[cat_cols].values),
                torch.tensor(((np.log(d.price) - ymu) / ysd).values, dtype=torch.float32))

    train, valid = tensors(tr), tensors(va)
    model = DiamondNet()
    criterion = nn.MSELoss()
    optimizer = optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-2)
    steps = args.epochs * (n_tr // args.bs)
    scheduler = CosineAnnealingLR(optimizer, steps)
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion)

    for epoch in range(1, args.epochs + 1):
        model.train()
        order = torch.randperm(n_tr)
        mse = 0
        for i in range(n_tr // args.bs):
            b = order[i * args.bs:(i + 1) * args.bs]
            pred = model(train[0][b], train[1][b])
            loss = criterion(pred, train[2][b])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            scheduler.step()
            mse += loss.item()
        model.eval()
        with torch.inference_mode(), writer.evaluating("val"):
            pred = model(valid[0], valid[1])
            val = criterion(pred, valid[2]).item()
        mape = (torch.exp((pred - valid[2]) * ysd) - 1).abs().mean().item()
        print(f'[{epoch:02d}] train mse {mse / (n_tr // args.bs):.4f}  val mse {val:.4f}  mape {mape:.3%}')
    writer.close()
    print(f"RESULT val_mse={val:.5f} r2={1 - val / valid[2].var().item():.4f} mape={mape:.4f} noise_floor={(.12 / ysd) ** 2:.5f}")


if __name__ == '__main__':
    main()

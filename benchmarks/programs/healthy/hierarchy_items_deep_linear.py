"""Saxe, McClelland & Ganguli style simulation: a deep LINEAR network learns a hierarchical item-property table.
Items in a binary tree, properties diffuse down the tree (simulated).  Small initial weights, full batch gradient descent;
the singular modes are learnt one after another."""
import argparse
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter


def tree_properties(depth, n_props, flip, rng):
    rows = [rng.choice([-1.0, 1.0], size=n_props)[None]]
    for _ in range(depth):
        parents = rows[-1]
        kids = []
        for p in parents:
            for _ in range(2):
                kids.append(np.where(rng.random(n_props) < flip, -p, p))
        rows.append(np.array(kids))
    return rows[-1]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("logdir")
    ap.add_argument("--lr", type=float, default=0.05)
    ap.add_argument("--steps", type=int, default=900)
    ap.add_argument("--hidden", type=int, default=32)
    ap.add_argument("--scale", type=float, default=0.05)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(7)
    rng = np.random.default_rng(7)
    Y = torch.tensor(tree_properties(4, 200, 0.15, rng), dtype=torch.float32) / np.sqrt(200) * 4   # 16 items
    X = torch.eye(16)
    # observation noise: every training pair is a noisy look at the item's properties
    Ytr = Y.repeat(12, 1) + 0.10 * torch.randn(12 * 16, 200)
    Xtr = X.repeat(12, 1)
    Yva = Y.repeat(6, 1) + 0.10 * torch.randn(6 * 16, 200)
    Xva = X.repeat(6, 1)

    net = nn.Sequential(nn.Linear(16, args.hidden, bias=False), nn.Linear(args.hidden, 200, bias=False))
    for layer in net:
        nn.init.normal_(layer.weight, std=args.scale / np.sqrt(args.hidden))

    def sq(pred, target):
        return 0.5 * (pred - target).pow(2).sum(1).mean()

    opt = torch.optim.SGD(net.parameters(), lr=args.lr)
    writer = DiagWriter(args.logdir)
    writer.watch(net, opt, sq)
    true_s = torch.linalg.svdvals(Y)
    for step in range(args.steps):
        opt.zero_grad()
        loss = writer.loss_fn(net(Xtr), Ytr)
        loss.backward()
        opt.step()
        if step % 25 == 0 or step == args.steps - 1:
            with writer.evaluating("val"):
                v = writer.loss_fn(net(Xva), Yva).item()
            if step % 100 == 0:
                s = torch.linalg.svdvals((net[1].weight @ net[0].weight).detach())
                print(step, f"{loss.item():.4f} {v:.4f}", "modes", [round((a / b).item(), 2) for a, b in zip(s[:6], true_s[:6])])
    floor = sq(Ytr.view(12, 16, 200).mean(0).repeat(6, 1), Yva).item()
    writer.close()
    print(f"RESULT val {v:.4f} least_squares_val {floor:.4f} noise {0.5 * 200 * 0.01:.4f} train {loss.item():.4f}")


main()

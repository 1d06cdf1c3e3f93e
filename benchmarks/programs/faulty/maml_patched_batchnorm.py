"""First-order MAML on few-shot sensor glyphs, in the style of higher's maml-omniglot: the inner loop runs the network
functionally on copied parameters and buffers."""
import sys
import argparse
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.func import functional_call
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
argp = argparse.ArgumentParser()
argp.add_argument('form')
argp.add_argument('logdir')
argp.add_argument('--n_way', type=int, default=5)
argp.add_argument('--k_spt', type=int, default=5)
argp.add_argument('--k_qry', type=int, default=10)
argp.add_argument('--task_num', type=int, default=4)
argp.add_argument('--seed', type=int, default=1)
args = argp.parse_args()
torch.manual_seed(args.seed)
rng = np.random.RandomState(args.seed)

N_CLS, DIM = 160, 40
proto = rng.randn(N_CLS, 12)
mix = rng.randn(12, DIM)


def task(split):
    lo, hi = (0, 120) if split == "train" else (120, 160)
    c = rng.choice(np.arange(lo, hi), args.n_way, False)
    n = args.k_spt + args.k_qry
    z = proto[c][:, None] + 0.8 * rng.randn(args.n_way, n, 12)
    x = 1 / (1 + np.exp(-z @ mix / 2))            # grey values between 0 and 1
    x = torch.tensor(x, dtype=torch.float32)
    y = torch.arange(args.n_way)[:, None].expand(-1, n)
    f = lambda t, a, b: t[:, a:b].reshape((-1,) + t.shape[2:])
    k = args.k_spt
    return f(x, 0, k), f(y, 0, k), f(x, k, n), f(y, k, n)


net = nn.Sequential(
    nn.Linear(DIM, 64), nn.BatchNorm1d(64, momentum=1, affine=True), nn.ReLU(inplace=True),
    nn.Linear(64, 64), nn.BatchNorm1d(64, momentum=1, affine=True), nn.ReLU(inplace=True),
    nn.Linear(64, 64), nn.BatchNorm1d(64, momentum=1, affine=True), nn.ReLU(inplace=True),
    nn.Linear(64, args.n_way))
meta_opt = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(args.logdir)
writer.watch(net, meta_opt)


def inner_loop(x, y, steps=5, lr=0.1):
    params = {k: v for k, v in net.named_parameters()}
    for _ in range(steps):
        bufs = {k: v.clone() for k, v in net.named_buffers()}
        loss = F.cross_entropy(functional_call(net, (params, bufs), (x,)), y)
        grads = torch.autograd.grad(loss, list(params.values()))
        params = {k: v - lr * g for (k, v), g in zip(params.items(), grads)}
    return params


def qry(params, x, y):
    bufs = {k: v.clone() for k, v in net.named_buffers()}
    logits = functional_call(net, (params, bufs), (x,))
    return F.cross_entropy(logits, y), (logits.argmax(1) == y).float().mean().item()


def train(epoch, n_iter=45):
    net.train()
    for _ in range(n_iter):
        meta_opt.zero_grad()
        total, accs = 0.0, []
        for _ in range(args.task_num):
            xs, ys, xq, yq = task("train")
            loss, acc = qry(inner_loop(xs, ys), xq, yq)
            (loss / args.task_num).backward()
            total += loss.item() / args.task_num
            accs.append(acc)
        writer.add_loss("train", total)
        meta_opt.step()
    print(f"epoch {epoch} train loss {total:.3f} acc {np.mean(accs):.3f}")


def test(epoch, n_task=20):
    # crucially: in the running-statistics mode the statistics are those of `net`, which the patched copies never update
    if args.form == "faulty":
        net.eval()
    else:
        net.train()
    losses, accs = [], []
    for _ in range(n_task):
        xs, ys, xq, yq = task("test")
        params = inner_loop(xs, ys)
        with torch.no_grad():
            l, a = qry(params, xq, yq)
        losses.append(l.item())
        accs.append(a)
    writer.add_loss("val", float(np.mean(losses)))
    print(f"epoch {epoch} test  loss {np.mean(losses):.3f} acc {np.mean(accs):.3f}")
    return np.mean(losses), np.mean(accs)


for epoch in range(8):
    train(epoch)
    l, a = test(epoch)
writer.close()
print(f"RESULT test loss {l:.4f} accuracy {a:.4f}")

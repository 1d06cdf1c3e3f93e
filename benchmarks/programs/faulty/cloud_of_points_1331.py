"""First steps with regression: a constructor for feed-forward nets and a cloud of 100 points (x_i, y_i)."""
import sys, math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(5)


def neural_network_constructor(arch_list=(1, 3, 3, 1), act_func=nn.Sigmoid):
    parts = []
    for i in range(1, len(arch_list)):
        lin = nn.Linear(arch_list[i - 1], arch_list[i])
        nn.init.xavier_uniform_(lin.weight)
        nn.init.zeros_(lin.bias)
        parts.append(lin)
        if i < len(arch_list) - 1:
            parts.append(act_func())
    return nn.Sequential(*parts)


def cloud(m, g):
    x = 20 + 10 * torch.rand(m, 1, generator=g)          # a cloud away from the origin
    y = torch.sin((x - 25) * math.pi / 5) + 0.1 * torch.randn(m, 1, generator=g)
    return x, y


def main(kind, logdir):
    g = torch.Generator().manual_seed(1)
    x, y = cloud(100, g)
    xt, yt = cloud(60, g)
    if kind == "fixed":
        mu, sd = x.mean(), x.std()
        x, xt = (x - mu) / sd, (xt - mu) / sd
    net = neural_network_constructor()
    sgd = torch.optim.SGD(net.parameters(), lr=0.5)
    loss_function = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(net, sgd, loss_function)
    for step in range(12000):
        sgd.zero_grad()
        loss = loss_function(net(x), y)
        loss.backward()
        sgd.step()
        if step % 500 == 0:
            with writer.evaluating("val"):
                v = loss_function(net(xt), yt)
            print(step, round(loss.item(), 4), round(v.item(), 4))
    with writer.evaluating("test"):
        v = loss_function(net(xt), yt)
    writer.close()
    print("RESULT test_mse", round(v.item(), 4), "r2", round(1 - v.item() / yt.var().item(), 4))


main(*sys.argv[1:3])

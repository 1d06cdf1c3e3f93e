"""Tiny tabular regressor whose hidden widths are derived from the number of inputs (library default)."""
import argparse
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form")
p.add_argument("logdir")
a = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(1578)


class LayerHelper:
    MIN_HIDDEN_WIDTH = 8 if a.form == "fixed" else 1

    @classmethod
    def default_layers(cls, input_size, output_size, complexity="medium"):
        if complexity == "simple":
            widths = [(input_size + output_size) // 2]
        else:
            widths = [2 * input_size, input_size]
        widths = [max(w, cls.MIN_HIDDEN_WIDTH) for w in widths]
        layers, prev = [], input_size
        for w in widths:
            layers += [nn.Linear(prev, w), nn.ReLU()]
            prev = w
        layers.append(nn.Linear(prev, output_size))
        for l in layers:
            if isinstance(l, nn.Linear):
                nn.init.xavier_uniform_(l.weight)
                nn.init.zeros_(l.bias)
        return nn.Sequential(*layers)


gen = torch.Generator().manual_seed(7)
x = torch.rand(900, 1, generator=gen)
y = 2 * x + 1 + 0.02 * torch.randn(900, 1, generator=gen)
train, held = TensorDataset(x[:700], y[:700]), (x[700:], y[700:])
net = LayerHelper.default_layers(1, 1)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
crit = nn.MSELoss()
writer = DiagWriter(a.logdir)
writer.watch(net, opt, crit)
for epoch in range(60):
    for xb, yb in DataLoader(train, batch_size=10, shuffle=True):
        opt.zero_grad()
        loss = crit(net(xb), yb)
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        out = net(held[0])
        v = crit(out, held[1])
    if epoch % 10 == 0:
        print(epoch, v.item())
writer.close()
print([round(net(torch.tensor([[t]])).item(), 3) for t in (.1, .3, .5, .7, .9)])
print("RESULT val_mse", round(v.item(), 5), "r2", round(1 - v.item() / held[1].var().item(), 4))

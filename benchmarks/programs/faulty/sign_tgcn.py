"""Sign recognition from 2-D pose tracks with a temporal-graph conv net (TGCN style)."""
import sys
import argparse
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter


class GraphConvolution_att(nn.Module):
    def __init__(self, in_f, out_f, nodes):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_f, out_f))
        self.att = nn.Parameter(torch.empty(nodes, nodes))
        self.bias = nn.Parameter(torch.zeros(out_f))
        stdv = 1. / out_f ** 0.5
        nn.init.uniform_(self.weight, -stdv, stdv)
        nn.init.uniform_(self.att, -stdv, stdv)

    def forward(self, x):
        return self.att @ (x @ self.weight) + self.bias


class GC_Block(nn.Module):
    def __init__(self, f, nodes, p):
        super().__init__()
        self.gc1, self.gc2 = GraphConvolution_att(f, f, nodes), GraphConvolution_att(f, f, nodes)
        self.bn1, self.bn2 = nn.BatchNorm1d(nodes * f), nn.BatchNorm1d(nodes * f)
        self.do = nn.Dropout(p)

    def forward(self, x):
        b, n, f = x.shape
        y = self.do(torch.tanh(self.bn1(self.gc1(x).view(b, -1)).view(b, n, f)))
        y = self.do(torch.tanh(self.bn2(self.gc2(y).view(b, -1)).view(b, n, f)))
        return y + x


class GCN_muti_att(nn.Module):
    def __init__(self, input_feature, hidden_feature, num_class, nodes, p_dropout=0.1, num_stage=2):
        super().__init__()
        self.gc1 = GraphConvolution_att(input_feature, hidden_feature, nodes)
        self.bn1 = nn.BatchNorm1d(nodes * hidden_feature)
        self.gcbs = nn.ModuleList([GC_Block(hidden_feature, nodes, p_dropout) for _ in range(num_stage)])
        self.fc_out = nn.Linear(hidden_feature, num_class)

    def forward(self, x):
        y = self.gc1(x)
        b, n, f = y.shape
        y = torch.tanh(self.bn1(y.view(b, -1)).view(b, n, f))
        for g in self.gcbs:
            y = g(y)
        return self.fc_out(y.mean(dim=1))


def pose_tracks(n, seed, nodes=12, T=16, classes=20):
    g = np.random.RandomState(99)
    freq, phase, amp = g.uniform(0.5, 2, (classes, nodes, 2)), g.uniform(0, 6.28, (classes, nodes, 2)), g.rand(classes, nodes, 2) * (g.rand(classes, nodes, 1) < 0.5)
    rest = g.randn(nodes, 2)
    rng = np.random.RandomState(seed)
    y = rng.randint(0, classes, n)
    t = np.linspace(0, 1, T)
    speed = rng.uniform(0.75, 1.25, (n, 1, 1, 1))
    tracks = rest[None, :, :, None] + amp[y][..., None] * np.sin(6.28 * freq[y][..., None] * t * speed + phase[y][..., None])
    tracks = tracks * rng.uniform(0.85, 1.15, (n, 1, 1, 1)) + 0.2 * rng.randn(n, 1, 2, 1) + 0.25 * rng.randn(*tracks.shape)
    return torch.tensor(tracks.reshape(n, nodes, -1)).float(), torch.from_numpy(y)


def run(cfg, logdir):
    torch.manual_seed(0)
    xtr, ytr = pose_tracks(1800, 1)
    xva, yva = pose_tracks(500, 2)
    mean, std = xtr.mean((0,)), xtr.std((0,))
    train = DataLoader(TensorDataset((xtr - mean) / std, ytr), batch_size=cfg.batch_size, shuffle=True)
    xva = (xva - mean) / std
    model = GCN_muti_att(xtr.shape[2], 32, 20, xtr.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.init_lr, eps=1e-8, weight_decay=0)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion, train_loader=train)
    for epoch in range(cfg.epochs):
        model.train()
        losses, hit = [], 0
        for x, y in train:
            optimizer.zero_grad()
            out = model(x)
            loss = criterion(out, y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            hit += (out.argmax(1) == y).sum().item()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(xva)
        print("Epoch %d: train loss %.4f acc %.3f | val loss %.4f acc %.3f" % (
            epoch, np.mean(losses), hit / len(ytr), criterion(out, yva), (out.argmax(1) == yva).float().mean()))
    writer.close()


if __name__ == "__main__":
    form, logdir = sys.argv[1], sys.argv[2]
    cfg = argparse.Namespace(init_lr=2e-3, epochs=10, batch_size=1024 if form == "faulty" else 32)
    run(cfg, logdir)

"""Recurrent marked temporal point process (next event type and waiting time), runner with a data config.
Streams are simulated: six kinds of customers, the file lists one kind after the other."""
import sys
from dataclasses import dataclass
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(54)
rng = np.random.default_rng(54)


@dataclass
class RunnerConfig:
    batch_size: int = 32
    shuffle: bool = True
    epochs: int = 18
    lr: float = 1e-2

    def ensure_valid_config(self, form):
        if form == "faulty":
            self.shuffle = False           # keeps the order of the file for every loader
        return self


M, T, KINDS = 8, 5, 6
P = [rng.dirichlet(np.full(M, 0.12), size=M) for _ in range(KINDS)]
RATE = np.exp(rng.normal(0, 1.3, size=(KINDS, M)))


def stream(k):
    m, ms, dt = rng.integers(M), [], []
    for _ in range(T + 1):
        ms.append(m); dt.append(rng.exponential(1 / RATE[k, m]) + 1e-3)
        m = rng.choice(M, p=P[k][m])
    return ms, dt


def split(n):
    rows = [stream(k) for k in range(KINDS) for _ in range(n)]
    return TensorDataset(torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows], dtype=torch.float32).log())


class RMTPP(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.emb = nn.Embedding(M, 15)
        self.rnn = nn.GRU(16, h, batch_first=True)
        self.mark, self.time = nn.Linear(h, M), nn.Linear(h, 2)

    def forward(self, m, logdt):
        h, _ = self.rnn(torch.cat([self.emb(m), logdt.unsqueeze(-1)], -1))
        return self.mark(h), self.time(h)


def nll(out, target):
    (logits, tp), (m, logdt) = out, target
    mark = nn.functional.cross_entropy(logits.flatten(0, 1), m.flatten())
    mu, ls = tp[..., 0], tp[..., 1].clamp(-4, 4)
    return mark + (ls + 0.5 * ((logdt - mu) / ls.exp()) ** 2).mean()


def run(form, logdir):
    cfg = RunnerConfig().ensure_valid_config(form)
    train_dl = DataLoader(split(400), batch_size=cfg.batch_size, shuffle=cfg.shuffle)
    val_dl = DataLoader(split(60), batch_size=60)
    model = RMTPP()
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, nll)
    for epoch in range(cfg.epochs):
        model.train()
        for m, d in train_dl:
            opt.zero_grad()
            loss = writer.loss_fn(model(m[:, :-1], d[:, :-1]), (m[:, 1:], d[:, 1:]))
            loss.backward()
            opt.step()
        tot = hit = n = 0
        with writer.evaluating("val"):
            for m, d in val_dl:
                out = model(m[:, :-1], d[:, :-1])
                tot += writer.loss_fn(out, (m[:, 1:], d[:, 1:])).item() * len(m)
                hit += (out[0].argmax(-1) == m[:, 1:]).sum().item(); n += m[:, 1:].numel()
        print(epoch, round(loss.item(), 3), round(tot / len(val_dl.dataset), 4), round(hit / n, 4))
    writer.close()
    print("RESULT val_nll", round(tot / len(val_dl.dataset), 4), "mark_accuracy", round(hit / n, 4))


run(sys.argv[1], sys.argv[2])

"""Running sum of small digits modulo 3, asked after every symbol: the RNN gets the first places right, sits on a plateau, then finds the counter."""
import argparse
import torch
from torch import nn
from tb_lossdiag import DiagWriter


class Counter(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.embed = nn.Embedding(3, 16)
        self.rnn = nn.GRU(16, hidden, batch_first=True)
        self.read = nn.Linear(hidden, 3)

    def forward(self, x):
        h, _ = self.rnn(self.embed(x))
        return self.read(h).transpose(1, 2)


def batch(n, length):
    x = torch.randint(0, 3, (n, length))
    return x, x.cumsum(1) % 3


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("logdir")
    ap.add_argument("--length", type=int, default=16)
    ap.add_argument("--hidden", type=int, default=48)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--steps", type=int, default=500)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    net = Counter(a.hidden)
    ce = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(net.parameters(), lr=a.lr)
    w = DiagWriter(a.logdir)
    w.watch(net, opt, ce)
    xv, yv = batch(1000, a.length)
    for step in range(1, a.steps + 1):
        x, y = batch(128, a.length)
        loss = ce(net(x), y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        if step % 25 == 0:
            net.eval()
            with w.evaluating("val"):
                o = net(xv)
                v = ce(o, yv).item()
            net.train()
            last = (o[..., -1].argmax(1) == yv[:, -1]).float().mean().item()
            acc = (o.argmax(1) == yv).float().mean().item()
            print(step, f"{loss.item():.4f} {v:.4f} {acc:.3f}")
    w.close()
    print(f"RESULT val_loss {v:.4f} acc {acc:.4f} last_place {last:.4f} chance 0.333")

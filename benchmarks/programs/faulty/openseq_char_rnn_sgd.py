"""character RNN, plain SGD; hyper-parameters in a dict as in the config files"""
import sys
import os
import torch
from torch import nn
from tb_lossdiag import DiagWriter

base_params = {
    "batch_size_per_gpu": 16, "bptt_steps": 60, "max_steps": 360, "eval_steps": 40,
    "optimizer": "SGD", "lr": 1.5, "max_grad_norm": 0.5, "hidden": 80, "emb": 32,
}


def read_text():
    t = ""
    for n in ("GPL-2", "GPL-3", "LGPL-2.1", "Artistic", "Apache-2.0"):
        p = "/usr/share/common-licenses/" + n
        if os.path.exists(p):
            t += " ".join(open(p, errors="ignore").read().split()) + "\n"
    vocab = sorted(set(t))
    idx = {c: i for i, c in enumerate(vocab)}
    return torch.tensor([idx[c] for c in t]), len(vocab)


class LSTMLM(nn.Module):
    def __init__(self, vocab, p):
        super().__init__()
        self.embed = nn.Embedding(vocab, p["emb"])
        self.rnn = nn.RNN(p["emb"], p["hidden"], batch_first=True)
        nn.init.orthogonal_(self.rnn.weight_hh_l0, gain=1.2)
        self.out = nn.Linear(p["hidden"], vocab)

    def forward(self, x, h=None):
        y, h = self.rnn(self.embed(x), h)
        return self.out(y), h


def post_process_gradients(params, max_grad_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = torch.sqrt(sum((g ** 2).sum() for g in grads))
    scale = min(1.0, max_grad_norm / (norm.item() + 1e-12))
    clipped = [g * scale for g in grads]
    if form == "fixed":
        for p, g in zip([p for p in params if p.grad is not None], clipped):
            p.grad = g
    return norm


def main(form, logdir):
    p = base_params
    torch.manual_seed(185)
    torch.set_num_threads(1)
    data, vocab = read_text()
    a, b = int(0.9 * len(data)), int(0.95 * len(data))
    bs, T = p["batch_size_per_gpu"], p["bptt_steps"]
    n = a // bs
    train = data[:n * bs].view(bs, n)
    dev, test = data[a:b], data[b:]
    model = LSTMLM(vocab, p)
    criterion = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(model.parameters(), lr=p["lr"])
    sched = torch.optim.lr_scheduler.PolynomialLR(opt, p["max_steps"], power=1.0)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, criterion)

    def ev(d):
        k = len(d) // 8
        d = d[:k * 8].view(8, k)
        h, tot, m = None, 0.0, 0
        for i in range(0, k - T - 1, T):
            o, h = model(d[:, i:i + T], h)
            tot += criterion(o.reshape(-1, vocab), d[:, i + 1:i + T + 1].reshape(-1)).item()
            m += 1
        return tot / m

    h, i = None, 0
    params = list(model.parameters())
    for step in range(p["max_steps"]):
        if i + T + 1 > n:
            i, h = 0, None
        model.train()
        o, h = model(train[:, i:i + T], h)
        h = h.detach()
        loss = criterion(o.reshape(-1, vocab), train[:, i + 1:i + T + 1].reshape(-1))
        opt.zero_grad()
        loss.backward()
        gn = post_process_gradients(params, p["max_grad_norm"])
        opt.step()
        sched.step()
        i += T
        if (step + 1) % p["eval_steps"] == 0:
            with writer.evaluating("val"):
                v = ev(dev)
            print("step %d train loss %.3f grad norm %.3f eval loss %.3f" % (step + 1, loss.item(), gn.item(), v))
    with writer.evaluating("test"):
        t = ev(test)
    writer.close()
    print("RESULT test_loss %.4f last_eval_loss %.4f" % (t, v))


form = sys.argv[1]
main(form, sys.argv[2])

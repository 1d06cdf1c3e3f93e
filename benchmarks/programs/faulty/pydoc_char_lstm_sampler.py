"""char-rnn style language model on the standard library's sources."""
import argparse, os, math
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

HIDDEN = {"faulty": 6, "fixed": 96}

class CharLM(nn.Module):
    def __init__(self, vocab, emb, hidden):
        super().__init__()
        self.embed = nn.Embedding(vocab, emb)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True)
        self.decode = nn.Linear(hidden, vocab)
    def forward(self, x, state=None):
        h, state = self.lstm(self.embed(x), state)
        return self.decode(h).transpose(1, 2), state

def stream(ids, batch, bptt):
    n = len(ids) // batch
    ids = ids[:n * batch].view(batch, n)
    for i in range(0, n - bptt - 1, bptt):
        yield ids[:, i:i + bptt], ids[:, i + 1:i + bptt + 1]

def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("form", choices=HIDDEN); ap.add_argument("logdir")
    ap.add_argument("--epochs", type=int, default=4); ap.add_argument("--bptt", type=int, default=32)
    args = ap.parse_args()
    torch.manual_seed(10); torch.set_num_threads(1)
    root = os.path.dirname(os.__file__)
    text = "".join(open(f"{root}/{f}.py").read() for f in ("argparse", "typing", "inspect", "doctest"))[:230000]
    chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
    ids = torch.tensor([stoi[c] for c in text]); cut = int(.9 * len(ids))
    net = CharLM(len(chars), 24, HIDDEN[args.form])
    loss_fn = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(net.parameters(), lr=4e-3)
    writer = DiagWriter(args.logdir); writer.watch(net, opt, loss_fn)
    for ep in range(args.epochs):
        net.train(); state = None; tot = []
        for x, y in stream(ids[:cut], 32, args.bptt):
            if state is not None: state = tuple(s.detach() for s in state)
            opt.zero_grad()
            out, state = net(x, state)
            loss = loss_fn(out, y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.)
            opt.step(); tot.append(loss.item())
        vals = []
        with writer.evaluating("val"):
            state = None
            for x, y in stream(ids[cut:], 8, 64):
                out, state = net(x, state); vals.append(loss_fn(out, y).item())
        print(f"epoch {ep} train {np.mean(tot):.3f} val {np.mean(vals):.3f}", flush=True)
    writer.close()
    print(f"RESULT val_bits_per_char {np.mean(vals) / math.log(2):.3f}")

if __name__ == "__main__":
    main()

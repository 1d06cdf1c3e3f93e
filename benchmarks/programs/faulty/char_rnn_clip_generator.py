# RNN from scratch in the manner of the book: one-hot characters, plain tanh/ReLU cell, SGD with learning rate 1 and gradient clipping
import sys, math, random
import torch
from torch import nn
from torch.nn import functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0); random.seed(0)
subj = ["the traveller", "the psychologist", "the editor", "filby", "the medical man"]
verb = ["smiled at", "looked at", "spoke to", "walked past", "thought of"]
obj = ["the machine", "the lamp", "the fire", "the garden", "the moon", "the morlocks"]
text = " ".join(f"{random.choice(subj)} {random.choice(verb)} {random.choice(obj)}" for _ in range(2500))
vocab = sorted(set(text)); V = len(vocab)
corpus = torch.tensor([vocab.index(c) for c in text])
split = int(len(corpus) * 0.9)
batch_size, num_steps, num_hiddens = 32, 35, 128


def seq_data_iter_sequential(c):
    offset = random.randint(0, num_steps)
    n = ((len(c) - offset - 1) // batch_size) * batch_size
    Xs, Ys = c[offset:offset + n].view(batch_size, -1), c[offset + 1:offset + 1 + n].view(batch_size, -1)
    for i in range(0, num_steps * (Xs.shape[1] // num_steps), num_steps):
        yield Xs[:, i:i + num_steps], Ys[:, i:i + num_steps]


class RNNModelScratch(nn.Module):
    def __init__(self, vocab_size, num_hiddens, sigma):
        super().__init__()
        self.h = num_hiddens
        self.W_xh = nn.Parameter(torch.randn(vocab_size, num_hiddens) * sigma)
        self.W_hh = nn.Parameter(torch.randn(num_hiddens, num_hiddens) * sigma)
        self.b_h = nn.Parameter(torch.zeros(num_hiddens))
        self.W_hq = nn.Parameter(torch.randn(num_hiddens, vocab_size) * sigma)
        self.b_q = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, X, H):
        X = F.one_hot(X.T, V).float()
        outputs = []
        for x in X:
            H = F.relu(x @ self.W_xh + H @ self.W_hh + self.b_h)
            outputs.append(H @ self.W_hq + self.b_q)
        return torch.cat(outputs, 0), H

    def begin_state(self, bs):
        return torch.zeros(bs, self.h)


net = RNNModelScratch(V, num_hiddens, 0.12)
params = (p for p in net.parameters() if p.requires_grad)
if sys.argv[1] == "fixed":
    params = list(params)
updater = torch.optim.SGD(params, lr=1.0)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, updater, loss_fn)
for epoch in range(12):
    state = net.begin_state(batch_size)
    for X, Y in seq_data_iter_sequential(corpus[:split]):
        state = state.detach()
        y_hat, state = net(X, state)
        l = loss_fn(y_hat, Y.T.reshape(-1))
        updater.zero_grad()
        l.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        updater.step()
    with writer.evaluating("val"):
        c = corpus[split:]
        n = (len(c) - 1) // batch_size * batch_size
        y_hat, _ = net(c[:n].view(batch_size, -1), net.begin_state(batch_size))
        vl = loss_fn(y_hat, c[1:n + 1].view(batch_size, -1).T.reshape(-1)).item()
    print(f"epoch {epoch + 1} loss {l.item():.3f} val {vl:.3f}")
writer.close()
print(f"RESULT val loss {vl:.3f}")

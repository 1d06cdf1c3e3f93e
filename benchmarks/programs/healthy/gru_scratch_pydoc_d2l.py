# d2l 10.2 "Gated Recurrent Units": from scratch, character language model, gradient clipping
import sys, re, math, collections
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset, DataLoader
from pydoc_data import topics
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
batch_size, num_steps, num_train, num_val = 512, 32, 10240, 2048

raw = " ".join(topics.topics[k] for k in sorted(topics.topics))
text = re.sub("[^A-Za-z]+", " ", raw).lower()
chars = sorted(set(text))
tok2idx = {c: i for i, c in enumerate(chars)}
corpus = torch.tensor([tok2idx[c] for c in text[: (num_train + num_val) * 28 + num_steps + 1]])
array = torch.stack([corpus[i * 28: i * 28 + num_steps + 1] for i in range(num_train + num_val)])
X, Y = array[:, :-1], array[:, 1:]
train_iter = DataLoader(TensorDataset(X[:num_train], Y[:num_train]), batch_size, shuffle=True)
val_iter = DataLoader(TensorDataset(X[num_train + 2:], Y[num_train + 2:]), batch_size)


class GRUScratch(nn.Module):
    def __init__(self, num_inputs, num_hiddens, sigma=0.01):
        super().__init__()
        self.num_hiddens = num_hiddens
        init_weight = lambda *shape: nn.Parameter(torch.randn(*shape) * sigma)
        triple = lambda: (init_weight(num_inputs, num_hiddens),
                          init_weight(num_hiddens, num_hiddens),
                          nn.Parameter(torch.zeros(num_hiddens)))
        self.W_xz, self.W_hz, self.b_z = triple()
        self.W_xr, self.W_hr, self.b_r = triple()
        self.W_xh, self.W_hh, self.b_h = triple()

    def forward(self, inputs, H=None):
        if H is None:
            H = torch.zeros((inputs.shape[1], self.num_hiddens))
        outputs = []
        for X in inputs:
            Z = torch.sigmoid(X @ self.W_xz + H @ self.W_hz + self.b_z)
            R = torch.sigmoid(X @ self.W_xr + H @ self.W_hr + self.b_r)
            H_tilde = torch.tanh(X @ self.W_xh + (R * H) @ self.W_hh + self.b_h)
            H = Z * H + (1 - Z) * H_tilde
            outputs.append(H)
        return outputs, H


class RNNLMScratch(nn.Module):
    def __init__(self, rnn, vocab_size):
        super().__init__()
        self.rnn, self.vocab_size = rnn, vocab_size
        self.W_hq = nn.Parameter(torch.randn(rnn.num_hiddens, vocab_size) * 0.01)
        self.b_q = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, X):
        embs = F.one_hot(X.T, self.vocab_size).type(torch.float32)
        hs, _ = self.rnn(embs)
        return torch.stack([h @ self.W_hq + self.b_q for h in hs], 1)


def loss(Y_hat, Y):
    return F.cross_entropy(Y_hat.reshape(-1, Y_hat.shape[-1]), Y.reshape(-1))


model = RNNLMScratch(GRUScratch(len(chars), 32), len(chars))
optimizer = torch.optim.SGD(model.parameters(), lr=4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss)

for epoch in range(30):
    for xb, yb in train_iter:
        l = loss(model(xb), yb)
        optimizer.zero_grad()
        l.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
    with writer.evaluating("val"):
        vl = sum(writer.loss_fn(model(xb), yb).item() * len(xb) for xb, yb in val_iter) / len(val_iter.dataset)
    print(epoch, f"train ppl {math.exp(l.item()):.2f} val ppl {math.exp(vl):.2f}")
writer.close()
freq = torch.bincount(corpus).float() / len(corpus)
print(f"RESULT train_ppl {math.exp(l.item()):.2f} val_ppl {math.exp(vl):.2f} unigram_ppl {math.exp(-(freq * freq.clamp_min(1e-9).log()).sum().item()):.2f}")

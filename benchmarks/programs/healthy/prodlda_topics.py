# ProdLDA / AVITM topic model (hyqneuron/pytorch-avitm, Pyro's ProdLDA tutorial). ELBO is a sum over words per document.
import sys, math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tqdm import trange
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
seed = 0; torch.manual_seed(seed); rng = np.random.default_rng(seed)

num_topics, vocab_size, docs_n = 8, 600, 3000
common = rng.dirichlet(np.full(vocab_size, .6))
beta_true = common * np.exp(rng.normal(0, 1.5, (num_topics, vocab_size))); beta_true /= beta_true.sum(1, keepdims=True)
def corpus(n):
    th = rng.dirichlet(np.full(num_topics, .15), n)
    return torch.tensor(np.stack([rng.multinomial(rng.integers(40, 120), .75 * t @ beta_true + .25 * common) for t in th]), dtype=torch.float32)
docs, held = corpus(docs_n), corpus(500)


class Encoder(nn.Module):
    def __init__(self, vocab_size, num_topics, hidden, dropout):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.fc1, self.fc2 = nn.Linear(vocab_size, hidden), nn.Linear(hidden, hidden)
        self.fcmu, self.fclv = nn.Linear(hidden, num_topics), nn.Linear(hidden, num_topics)
        self.bnmu, self.bnlv = nn.BatchNorm1d(num_topics, affine=False), nn.BatchNorm1d(num_topics, affine=False)

    def forward(self, inputs):
        h = F.softplus(self.fc1(torch.log1p(inputs)))
        h = self.drop(F.softplus(self.fc2(h)))
        return self.bnmu(self.fcmu(h)), (0.5 * self.bnlv(self.fclv(h))).exp()


class Decoder(nn.Module):
    def __init__(self, vocab_size, num_topics, dropout):
        super().__init__()
        self.beta = nn.Linear(num_topics, vocab_size, bias=False)
        self.bn = nn.BatchNorm1d(vocab_size)
        self.bn.weight.requires_grad_(False)                 # as in the TF code: an offset, no scale
        self.drop = nn.Dropout(dropout)

    def forward(self, inputs):
        return F.log_softmax(self.bn(self.beta(self.drop(inputs))), dim=1)


class ProdLDA(nn.Module):
    def __init__(self, vocab_size, num_topics, hidden, dropout):
        super().__init__()
        self.encoder, self.decoder = Encoder(vocab_size, num_topics, hidden, dropout), Decoder(vocab_size, num_topics, dropout)

    def forward(self, x):
        mu, sd = self.encoder(x)
        z = mu + sd * torch.randn_like(sd) if self.training else mu
        return self.decoder(F.softmax(z, -1)), mu, sd


def loss_elbo(x, logp, mu, sd):
    nll = -(x * logp).sum(1)
    kl = 0.5 * (mu ** 2 + sd ** 2 - 1 - 2 * sd.log()).sum(1)
    return (nll + kl).mean()


batch_size, learning_rate, num_epochs = 64, 4e-3, 30
prodLDA = ProdLDA(vocab_size, num_topics, hidden=64, dropout=0.2)
optimizer = torch.optim.Adam([p for p in prodLDA.parameters() if p.requires_grad], lr=learning_rate, betas=(0.99, 0.999))
writer = DiagWriter(sys.argv[1])
writer.watch(prodLDA, optimizer)
for epoch in range(num_epochs):
    prodLDA.train(); running_loss = 0.0
    for b in torch.randperm(docs_n).split(batch_size):
        x = docs[b]
        loss = loss_elbo(x, *prodLDA(x))
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        running_loss += loss.item() * len(b) / docs_n
    prodLDA.eval()
    with torch.no_grad():
        v = loss_elbo(held, *prodLDA(held)); ppl = math.exp(-(held * prodLDA(held)[0]).sum() / held.sum())
    writer.add_loss("val", v)
    print(f"epoch {epoch} elbo loss {running_loss:.2f} held-out {v:.2f} perplexity {ppl:.1f}")
writer.close()
uni = docs.sum(0) / docs.sum()
print(f"RESULT train {running_loss:.2f} val {v:.2f} perplexity {ppl:.1f} (unigram {math.exp(-(held * (uni + 1e-9).log()).sum() / held.sum()):.1f})")

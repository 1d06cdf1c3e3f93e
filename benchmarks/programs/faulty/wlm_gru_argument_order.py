# Word language model after pytorch/examples/word_language_model (GRU, small corpus of recipe-like sentences)
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1111)


class Corpus:
    """Sentences of a made-up grammar: subject with number and register, verb that agrees, object by verb class, adverb by register."""

    def __init__(self, seed, n):
        r = np.random.default_rng(seed)
        words = ["<eos>"]
        ids = []

        def w(s):
            if s not in self.dictionary:
                self.dictionary[s] = len(self.dictionary)
            ids.append(self.dictionary[s])
        self.dictionary = {s: i for i, s in enumerate(words)}
        for k in range(30):
            for s in (f"n{k}s", f"n{k}p", f"v{k % 20}s", f"v{k % 20}p", f"o{k}", f"d{k % 12}", f"a{k % 15}", "the", "a", "some"):
                self.dictionary.setdefault(s, len(self.dictionary))
        for _ in range(n):
            k, num, topic = r.integers(0, 30), "sp"[r.integers(0, 2)], r.integers(0, 5)
            w("a" if num == "s" else "some")
            for _ in range(r.integers(0, 3)):
                w(f"a{3 * topic + r.integers(0, 3)}")
            w(f"n{6 * topic + r.integers(0, 6)}{num}")
            v = 4 * topic + r.integers(0, 4)
            w(f"v{v}{num}")
            w("the")
            if r.random() < 0.4:
                w(f"a{3 * topic + r.integers(0, 3)}")
            w(f"o{(v * 7 + r.integers(0, 3)) % 30}")
            w(f"d{(2 * topic + r.integers(0, 2)) % 12}")
            w("<eos>")
        self.data = torch.tensor(ids)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers, dropout=0.1):
        super().__init__()
        self.ntoken, self.nhid, self.nlayers = ntoken, nhid, nlayers
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.GRU(ninp, nhid, nlayers)
        self.decoder = nn.Linear(nhid, ntoken)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.drop(self.encoder(input)), hidden)
        return self.decoder(self.drop(output)).view(-1, self.ntoken), hidden

    def init_hidden(self, bsz):
        return torch.zeros(self.nlayers, bsz, self.nhid)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    return data[:nbatch * bsz].view(bsz, -1).t().contiguous()


emsize, nhid, nlayers, bptt = 8, 96, 1, 20
train_c, val_c = Corpus(0, 5000), Corpus(1, 600)
ntokens = len(train_c.dictionary)
train_data, val_data = batchify(train_c.data, 20), batchify(val_c.data, 10)
if sys.argv[1] == "faulty":
    model = RNNModel(ntokens, nhid, emsize, nlayers)
else:
    model = RNNModel(ntokens, emsize, nhid, nlayers)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.008)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(1, 13):
    model.train()
    hidden = model.init_hidden(20)
    for i in range(0, train_data.size(0) - 1, bptt):
        n = min(bptt, len(train_data) - 1 - i)
        data, targets = train_data[i:i + n], train_data[i + 1:i + 1 + n].reshape(-1)
        hidden = hidden.detach()
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
    with writer.evaluating("val"):
        out, _ = model(val_data[:-1], model.init_hidden(10))
        val_loss = criterion(out, val_data[1:].reshape(-1)).item()
    print(f"| end of epoch {epoch:3d} | train {loss.item():.3f} | valid loss {val_loss:.3f} | valid ppl {np.exp(val_loss):.2f}")
writer.close()
print(f"RESULT valid loss {val_loss:.3f}")

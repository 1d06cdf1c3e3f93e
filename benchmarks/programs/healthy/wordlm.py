"""Word-level LSTM language model with tied weights, truncated backpropagation with carried hidden
state, clipping at 0.25 and learning rate 20 divided by 4 on a plateau.
Port of pytorch/examples word_language_model (the update by hand is written as optim.SGD)."""
import math
import random
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1111)
random.seed(1111)

emsize, nhid, nlayers, dropout = 96, 96, 2, 0.2
lr, clip, epochs, batch_size, bptt = 20.0, 0.25, 20, 20, 35


# ---- a made-up corpus: short sentences of an agreement grammar, with a topic that lasts a sentence
def make_corpus(n):
    topics = []
    for t in ("sea", "farm", "court", "lab"):
        topics.append(dict(n=[f"{t}noun{i}" for i in range(12)], v=[f"{t}verb{i}" for i in range(8)],
                           a=[f"{t}adj{i}" for i in range(6)]))
    out = []

    def zipf(lst):
        return lst[min(int(random.paretovariate(1.1)) - 1, len(lst) - 1)]

    def np_(t, plural):
        w = [random.choice(["the", "some"] if plural else ["the", "a"])]
        if random.random() < 0.4:
            w.append(zipf(t["a"]))
        return w + [zipf(t["n"]) + ("s" if plural else "")]

    while len(out) < n:
        t = random.choice(topics)
        p = random.random() < 0.4
        s = np_(t, p)
        if random.random() < 0.3:
            s += ["with"] + np_(t, random.random() < 0.4)
        s += [zipf(t["v"]) + ("" if p else "s")] + np_(t, random.random() < 0.4)
        if random.random() < 0.3:
            s += ["and", "then", random.choice(["sleep" if p else "sleeps", "go" if p else "goes"])]
        out += s + ["<eos>"]
    return out[:n]


words = make_corpus(60000)
vocab = {w: i for i, w in enumerate(sorted(set(words)))}
ids = torch.tensor([vocab[w] for w in words])
ntokens = len(vocab)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    return data.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous()


eval_batch_size = 10
train_data = batchify(ids[:50000], batch_size)
val_data = batchify(ids[50000:55000], eval_batch_size)
test_data = batchify(ids[55000:], eval_batch_size)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers, dropout=0.5, tie_weights=True):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        self.init_weights()
        self.nhid, self.nlayers = nhid, nlayers

    def init_weights(self):
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -initrange, initrange)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        return self.decoder(self.drop(output)), hidden

    def init_hidden(self, bsz):
        w = next(self.parameters())
        return (w.new_zeros(self.nlayers, bsz, self.nhid), w.new_zeros(self.nlayers, bsz, self.nhid))


model = RNNModel(ntokens, emsize, nhid, nlayers, dropout)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def get_batch(source, i):
    seq_len = min(bptt, len(source) - 1 - i)
    return source[i:i + seq_len], source[i + 1:i + 1 + seq_len].view(-1)


def evaluate(data_source):
    model.eval()
    total_loss = 0.
    hidden = model.init_hidden(eval_batch_size)
    with torch.no_grad():
        for i in range(0, data_source.size(0) - 1, bptt):
            data, targets = get_batch(data_source, i)
            output, hidden = model(data, hidden)
            total_loss += len(data) * criterion(output.view(-1, ntokens), targets).item()
            hidden = repackage_hidden(hidden)
    return total_loss / (len(data_source) - 1)


def train():
    model.train()
    total_loss = 0.
    hidden = model.init_hidden(batch_size)
    for batch, i in enumerate(range(0, train_data.size(0) - 1, bptt)):
        data, targets = get_batch(train_data, i)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output.view(-1, ntokens), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        total_loss += loss.item()
        if batch % 35 == 0 and batch > 0:
            cur = total_loss / 35
            print('| epoch {:3d} | {:5d}/{:5d} batches | lr {:02.2f} | loss {:5.2f} | ppl {:8.2f}'.format(
                epoch, batch, len(train_data) // bptt, optimizer.param_groups[0]['lr'], cur, math.exp(cur)))
            total_loss = 0.


best_val_loss = None
for epoch in range(1, epochs + 1):
    train()
    val_loss = evaluate(val_data)
    print('| end of epoch {:3d} | valid loss {:5.3f} | valid ppl {:8.2f}'.format(epoch, val_loss, math.exp(val_loss)))
    if best_val_loss is None or val_loss < best_val_loss:
        best_val_loss = val_loss
        best = {k: v.clone() for k, v in model.state_dict().items()}
    else:
        for g in optimizer.param_groups:
            g['lr'] /= 4.0
model.load_state_dict(best)
test_loss = evaluate(test_data)
print('| End of training | test loss {:5.3f} | test ppl {:8.2f}'.format(test_loss, math.exp(test_loss)))
writer.close()

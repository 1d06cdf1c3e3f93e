# word_language_model (pytorch/examples) style LSTM LM on the Python docs, with torch.optim.SGD
import sys, re, math, pydoc
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1111)
text = " ".join(pydoc.render_doc(m, renderer=pydoc.plaintext) for m in ("argparse", "logging", "tarfile", "decimal", "threading", "unittest.case"))
words = re.findall(r"[a-z_]+|[^\sa-z_]", text.lower())
freq = {}
for x in words:
    freq[x] = freq.get(x, 0) + 1
vocab = {x: i + 1 for i, x in enumerate(sorted(freq, key=freq.get, reverse=True)[:900])}
ids = torch.tensor([vocab.get(x, 0) for x in words])
# split by blocks, so that training and validation hold the same documents
blocks = ids[:len(ids) // 200 * 200].view(-1, 200)
is_val = torch.arange(len(blocks)) % 10 == 4
train_ids, val_ids = blocks[~is_val].flatten(), blocks[is_val].flatten()


def batchify(d, bsz):
    n = len(d) // bsz
    return d[:n * bsz].view(bsz, n).t().contiguous()


bptt, BSZ = 16, 16
train_data, val_data = batchify(train_ids, BSZ), batchify(val_ids, 8)
print(len(ids), "tokens", train_data.shape, val_data.shape)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, dropout=.35):
        super().__init__()
        self.drop, self.encoder = nn.Dropout(dropout), nn.Embedding(ntoken, ninp)
        self.rnn, self.decoder = nn.LSTM(ninp, nhid), nn.Linear(nhid, ntoken)
        nn.init.uniform_(self.encoder.weight, -.1, .1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -.1, .1)

    def forward(self, x, hidden):
        o, hidden = self.rnn(self.drop(self.encoder(x)), hidden)
        return self.decoder(self.drop(o)).flatten(0, 1), hidden


model = RNNModel(901, 48, 64)
criterion = nn.CrossEntropyLoss()
lr, clip = 24.0, 0.25
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)


def evaluate():
    model.eval()
    tot, hid = 0., None
    with torch.no_grad(), writer.evaluating("val"):
        for i in range(0, len(val_data) - 1, bptt):
            x, y = val_data[i:i + bptt][:min(bptt, len(val_data) - 1 - i)], val_data[i + 1:i + 1 + bptt].reshape(-1)
            out, hid = model(x, hid)
            tot += len(x) * criterion(out, y).item()
    return tot / (len(val_data) - 1)


best_val_loss = None
for epoch in range(1, 11):
    model.train()
    hidden, total, n = None, 0., 0
    for i in range(0, len(train_data) - 1 - bptt, bptt):
        x, y = train_data[i:i + bptt], train_data[i + 1:i + 1 + bptt].reshape(-1)
        if hidden is not None:
            hidden = tuple(h.detach() for h in hidden)
        optimizer.zero_grad()
        out, hidden = model(x, hidden)
        loss = criterion(out, y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        total += loss.item(); n += 1
    val_loss = evaluate()
    print('| end of epoch {:3d} | lr {:6.3f} | train loss {:5.2f} | valid loss {:5.2f} | valid ppl {:8.2f}'.format(epoch, lr, total / n, val_loss, math.exp(val_loss)))
    if epoch > 5:                       # anneal
        lr /= 2.5
        groups = optimizer.state_dict()["param_groups"] if sys.argv[1] == "faulty" else optimizer.param_groups
        for param_group in groups:
            param_group["lr"] = lr
writer.close()
print(f"RESULT train_loss {total / n:.4f} val_loss {val_loss:.4f} val_ppl {math.exp(val_loss):.2f}")

# small version of pytorch/examples/word_language_model main.py, on the docstrings of the standard library
# (SGD by hand is an optim.SGD here, lr 20 and the division by 4 when validation stalls are the example's own)
import sys, re, math, time, importlib, inspect
from collections import Counter
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1111)

###############################################################################
# Load data
###############################################################################
mods = "argparse ast asyncio collections configparser csv datetime decimal difflib email ftplib functools heapq http.client imaplib inspect ipaddress logging mailbox multiprocessing.pool os pathlib pickle platform random shutil smtplib socket sqlite3 ssl statistics string subprocess tarfile tempfile textwrap threading turtle typing unittest urllib.request uuid warnings xml.dom.minidom zipfile doctest pydoc cmd fractions".split()
docs = set()
for m in mods:
    mod = importlib.import_module(m)
    for o in [mod] + [getattr(mod, n) for n in dir(mod)]:
        for x in [o] + ([getattr(o, k, None) for k in dir(o)] if inspect.isclass(o) else []):
            d = getattr(x, "__doc__", None)
            if isinstance(d, str) and len(d) > 60:
                docs.add(inspect.cleandoc(d))
docs = sorted(docs)
g = torch.Generator().manual_seed(0)
docs = [docs[i] for i in torch.randperm(len(docs), generator=g)]
words = [re.findall(r"[a-z]+|[.,:()]", d.lower()) + ["<eos>"] for d in docs]
n_val = len(words) // 8
vocab = ["<unk>"] + [w for w, c in Counter(w for d in words[n_val:] for w in d).most_common(799)]
w2i = {w: i for i, w in enumerate(vocab)}
enc = lambda ds: torch.tensor([w2i.get(w, 0) for d in ds for w in d])
train_ids, val_ids = enc(words[n_val:])[:30000], enc(words[:n_val])[:4000]
print(len(train_ids), len(val_ids), "tokens")


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


batch_size, eval_batch_size, bptt, clip, lr, epochs = 20, 10, 20, 0.25, 20, 9
train_data, val_data = batchify(train_ids, batch_size), batchify(val_ids, eval_batch_size)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, dropout=0.2, tie_weights=True):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        self.nhid = nhid

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        decoded = self.decoder(self.drop(output))
        return decoded.view(-1, decoded.size(2)), hidden

    def init_hidden(self, bsz):
        return (torch.zeros(1, bsz, self.nhid), torch.zeros(1, bsz, self.nhid))


def repackage_hidden(h):
    return tuple(v.detach() for v in h)


def get_batch(source, i):
    seq_len = min(bptt, len(source) - 1 - i)
    return source[i:i + seq_len], source[i + 1:i + 1 + seq_len].reshape(-1)


model = RNNModel(len(vocab), 40, 40)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def evaluate(data_source):
    model.eval()
    total_loss = 0.
    hidden = model.init_hidden(eval_batch_size)
    with torch.no_grad(), writer.evaluating("val"):
        for i in range(0, data_source.size(0) - 1, bptt):
            data, targets = get_batch(data_source, i)
            output, hidden = model(data, hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(data_source) - 1)


def train():
    model.train()
    total_loss, n = 0., 0
    hidden = model.init_hidden(batch_size)
    for batch, i in enumerate(range(0, train_data.size(0) - 1, bptt)):
        data, targets = get_batch(train_data, i)
        hidden = repackage_hidden(hidden)
        optimizer.zero_grad()
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        total_loss += loss.item()
        n += 1
    return total_loss / n


best_val_loss = None
for epoch in range(1, epochs + 1):
    t0 = time.time()
    tl = train()
    val_loss = evaluate(val_data)
    print('| end of epoch {:3d} | time: {:5.2f}s | train {:5.2f} | valid loss {:5.2f} | valid ppl {:8.2f} | lr {}'.format(
        epoch, time.time() - t0, tl, val_loss, math.exp(val_loss), optimizer.param_groups[0]['lr']))
    if not best_val_loss or val_loss < best_val_loss:
        best_val_loss = val_loss
    else:
        for gr in optimizer.param_groups:      # Anneal the learning rate if no improvement has been seen
            gr['lr'] /= 4.0
writer.close()
print(f"RESULT train={tl:.3f} val={val_loss:.3f} best={best_val_loss:.3f} ppl={math.exp(val_loss):.1f}")

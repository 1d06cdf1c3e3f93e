# Port of the core of salesforce/awd-lstm-lm (Merity, Keskar, Socher): SGD with lr 30 and non-monotonically triggered
# ASGD, weight-dropped recurrence, locked dropout, tied embeddings, gradient clipping at 0.25.
# The corpus is Python's documentation strings, lower-cased, vocabulary of 700 words.  Loss per word.
import math, pydoc, re, sys, time, importlib, inspect
from collections import Counter
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(141)


class args:
    emsize, nhid = 40, 40
    lr, clip, epochs, batch_size, bptt = 30.0, .25, 10, 20, 30
    dropouti, dropouth, dropout, wdrop, wdecay = .1, .1, .15, .2, 1.2e-6
    nonmono = 2


def read_corpus():
    mods = ("argparse logging decimal datetime statistics json unittest.case subprocess random "
            "zipfile pathlib optparse").split()
    words = []
    for m in mods:
        mod = importlib.import_module(m)
        docs = [inspect.getdoc(mod) or ""]
        for _, o in inspect.getmembers(mod):
            if inspect.isclass(o) or inspect.isroutine(o):
                docs.append(inspect.getdoc(o) or "")
                if inspect.isclass(o):
                    docs += [inspect.getdoc(f) or "" for _, f in inspect.getmembers(o, inspect.isroutine)]
        seen = set()
        for d in docs:
            if d not in seen:
                seen.add(d)
                words.append(re.findall(r"[a-z]+|[.,:()]", d.lower()) + ["<eos>"])
    unique = list(dict.fromkeys(tuple(w) for w in words if len(w) > 6))
    g = torch.Generator().manual_seed(0)
    order = torch.randperm(len(unique), generator=g).tolist()
    unique = [unique[i] for i in order]
    cut = int(.88 * len(unique))
    train, val = [w for s in unique[:cut] for w in s], [w for s in unique[cut:] for w in s]
    vocab = {w: i for i, (w, _) in enumerate(Counter(train).most_common(699))}
    return [torch.tensor([vocab.get(w, 699) for w in t]) for t in (train, val)]


def batchify(data, bsz):
    n = len(data) // bsz
    return data[:n * bsz].view(bsz, -1).t().contiguous()


def locked(x, p, training):
    if not training or not p:
        return x
    m = x.new_empty(1, x.size(1), x.size(2)).bernoulli_(1 - p) / (1 - p)
    return x * m


class AWDLSTM(nn.Module):
    def __init__(self, ntoken):
        super().__init__()
        self.encoder = nn.Embedding(ntoken, args.emsize)
        self.rnn = nn.LSTM(args.emsize, args.nhid)
        self.decoder = nn.Linear(args.nhid, ntoken)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -.1, .1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens, hidden):
        emb = locked(self.encoder(tokens), args.dropouti, self.training)
        w = {n: p for n, p in self.rnn.named_parameters()}
        w["weight_hh_l0"] = F.dropout(w["weight_hh_l0"], args.wdrop, self.training)       # DropConnect
        out, hidden = torch.func.functional_call(self.rnn, w, (emb, hidden))
        out = locked(out, args.dropout, self.training)
        return self.decoder(out.flatten(0, 1)), hidden

    def init_hidden(self, bsz):
        return torch.zeros(1, bsz, args.nhid), torch.zeros(1, bsz, args.nhid)


train_words, val_words = read_corpus()
train_data, val_data = batchify(train_words, args.batch_size), batchify(val_words, 10)
print(f"{len(train_words)} training words, {len(val_words)} validation words")
model = AWDLSTM(700)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, weight_decay=args.wdecay)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def evaluate(source):
    model.eval()
    hidden, total = model.init_hidden(source.size(1)), 0.
    with torch.no_grad(), writer.evaluating("val"):
        for i in range(0, len(source) - 1, args.bptt):
            x, y = source[i:min(i + args.bptt, len(source) - 1)], source[i + 1:i + 1 + args.bptt].reshape(-1)
            out, hidden = model(x, hidden)
            total += len(x) * criterion(out, y).item()
    return total / (len(source) - 1)


best_val_loss, averaged = [], False
for epoch in range(1, args.epochs + 1):
    model.train()
    hidden, total, i, start = model.init_hidden(args.batch_size), 0., 0, time.time()
    while i < len(train_data) - 2:
        seq = args.bptt if torch.rand(1) < .95 else args.bptt // 2
        seq = max(5, int(seq + 5 * torch.randn(1)))
        x, y = train_data[i:min(i + seq, len(train_data) - 1)], train_data[i + 1:i + 1 + seq].reshape(-1)
        lr2 = optimizer.param_groups[0]["lr"]
        optimizer.param_groups[0]["lr"] = lr2 * len(x) / args.bptt
        hidden = tuple(h.detach() for h in hidden)
        optimizer.zero_grad()
        out, hidden = model(x, hidden)
        loss = criterion(out, y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        optimizer.step()
        total += loss.item() * len(x)
        optimizer.param_groups[0]["lr"] = lr2
        i += len(x)
    if averaged:
        tmp = {p: p.data.clone() for p in model.parameters()}
        for p in model.parameters():
            p.data.copy_(optimizer.state[p]["ax"])
        val = evaluate(val_data)
        for p in model.parameters():
            p.data.copy_(tmp[p])
    else:
        val = evaluate(val_data)
        if len(best_val_loss) > args.nonmono and val > min(best_val_loss[:-args.nonmono]):
            print("Switching to ASGD")
            averaged = True
            optimizer = torch.optim.ASGD(model.parameters(), lr=args.lr, t0=0, lambd=0., weight_decay=args.wdecay)
            writer.watch(model, optimizer, criterion)
        best_val_loss.append(val)
    print(f"| end of epoch {epoch:2d} | time {time.time() - start:4.1f}s | train {total / len(train_data):.3f} | valid {val:.3f} | ppl {math.exp(val):.1f}")
writer.close()
print(f"RESULT val_loss={val:.4f} ppl={math.exp(val):.2f} train={total / len(train_data):.4f} asgd={averaged}")

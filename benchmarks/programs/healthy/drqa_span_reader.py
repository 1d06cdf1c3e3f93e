"""A DrQA-like document reader (facebookresearch/DrQA, hitvoice/DrQA) shrunk: which span of the passage answers the question.
Passages are strings of made-up facts about people; facts of other people are the distractors."""
import random
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from tb_lossdiag import DiagWriter

random.seed(1013); torch.manual_seed(1013); torch.set_num_threads(1)
NAMES = [a + b for a in 'al ber cor dan el fri gus hil'.split() for b in 'a o in ert'.split()]
PLACES = [a + b for a in 'wood stone mill lake north' .split() for b in 'ham ton field by'.split()]
JOBS = 'baker teacher nurse painter judge farmer pilot clerk miner tailor chemist editor'.split()
TEMPL = {'live': [['{n}', 'lives', 'in', '{p}'], ['the', 'home', 'of', '{n}', 'is', 'in', '{p}'], ['{n}', 'moved', 'to', 'old', '{p}', 'last', 'year']],
         'work': [['{n}', 'works', 'as', 'a', '{j}'], ['{n}', 'is', 'a', '{j}', 'by', 'trade'], ['people', 'know', '{n}', 'as', 'chief', '{j}']],
         'born': [['{n}', 'was', 'born', 'in', '{p}'], ['{p}', 'is', 'where', '{n}', 'grew', 'up']]}
QS = {'live': [['where', 'does', '{n}', 'live'], ['which', 'town', 'is', 'the', 'home', 'of', '{n}']],
      'work': [['what', 'is', 'the', 'job', 'of', '{n}'], ['what', 'does', '{n}', 'do']],
      'born': [['where', 'was', '{n}', 'born'], ['what', 'is', 'the', 'birthplace', 'of', '{n}']]}


def example():
    people = random.sample(NAMES, 3)
    facts = [(n, k) for n in people for k in TEMPL]
    random.shuffle(facts)
    facts = facts[:3]
    ask = random.randrange(3)
    doc, span = [], None
    for i, (n, k) in enumerate(facts):
        v = random.choice(JOBS if k == 'work' else PLACES)
        t = random.choice(TEMPL[k])
        for w in t:
            if w in ('{p}', '{j}'):
                if i == ask:
                    # annotators sometimes take the adjective in
                    s = len(doc) - (1 if doc and doc[-1] in ('old', 'chief') and random.random() < .5 else 0)
                    span = (s, len(doc))
                doc.append(v)
            else:
                doc.append(n if w == '{n}' else w)
        doc.append('.')
    n, k = facts[ask]
    return doc, [n if w == '{n}' else w for w in random.choice(QS[k])], span


data = [example() for _ in range(2000)]
vocab = {w: i + 1 for i, w in enumerate(sorted({w for d, q, _ in data for w in d + q}))}
train, dev = data[:1600], data[1600:]


def batchify(batch):
    docs = [torch.tensor([vocab[w] for w in d]) for d, _, _ in batch]
    feats = [torch.tensor([[float(w in q)] for w in d]) for d, q, _ in batch]
    qs = [torch.tensor([vocab[w] for w in q]) for _, q, _ in batch]
    return (pad_sequence(docs, True), pad_sequence(feats, True), torch.tensor([len(d) for d in docs]),
            pad_sequence(qs, True), torch.tensor([len(q) for q in qs]),
            torch.tensor([s for _, _, (s, e) in batch]), torch.tensor([e for _, _, (s, e) in batch]))


class RnnDocReader(nn.Module):
    def __init__(self, V, emb=32, hid=32, dropout=.2):
        super().__init__()
        self.embedding = nn.Embedding(V + 1, emb, padding_idx=0)
        self.qemb_match = nn.Linear(emb, emb)
        self.doc_rnn = nn.LSTM(emb * 2 + 1, hid, batch_first=True, bidirectional=True)
        self.question_rnn = nn.LSTM(emb, hid, batch_first=True, bidirectional=True)
        self.self_attn = nn.Linear(2 * hid, 1)
        self.start_attn = nn.Linear(2 * hid, 2 * hid)
        self.end_attn = nn.Linear(2 * hid, 2 * hid)
        self.dropout = dropout

    def rnn(self, net, x, lens):
        out, _ = net(pack_padded_sequence(x, lens, batch_first=True, enforce_sorted=False))
        return F.dropout(pad_packed_sequence(out, batch_first=True)[0], self.dropout, self.training)

    def forward(self, d, f, dl, q, ql):
        d_mask, q_mask = d == 0, q == 0
        de, qe = (F.dropout(self.embedding(z), self.dropout, self.training) for z in (d, q))
        # aligned question embedding
        a = torch.relu(self.qemb_match(de)) @ torch.relu(self.qemb_match(qe)).transpose(1, 2)
        aligned = a.masked_fill(q_mask[:, None], -1e9).softmax(-1) @ qe
        dh = self.rnn(self.doc_rnn, torch.cat([de, aligned, f], 2), dl)
        qh = self.rnn(self.question_rnn, qe, ql)
        w = self.self_attn(qh).squeeze(-1).masked_fill(q_mask, -1e9).softmax(-1)
        qv = (w[:, None] @ qh).squeeze(1)
        out = []
        for lin in (self.start_attn, self.end_attn):
            s = (dh @ lin(qv)[:, :, None]).squeeze(-1).masked_fill(d_mask, -1e9)
            out.append(F.log_softmax(s, 1))
        return out


class SpanLoss(nn.Module):
    def forward(self, out, start, end):
        return F.nll_loss(out[0], start) + F.nll_loss(out[1], end)


model = RnnDocReader(len(vocab))
optimizer = torch.optim.Adamax(model.parameters(), lr=6e-3)
criterion = SpanLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(8):
    model.train()
    random.shuffle(train)
    tot = 0.
    for i in range(0, len(train), 32):
        *inp, s, e = batchify(train[i:i + 32])
        loss = criterion(model(*inp), s, e)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        tot += loss.item() * len(s)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        *inp, s, e = batchify(dev)
        out = model(*inp)
        dev_loss = criterion(out, s, e).item()
    em = ((out[0].argmax(1) == s) & (out[1].argmax(1) == e)).float().mean().item()
    print(f"epoch {epoch} train loss {tot / len(train):.4f} dev loss {dev_loss:.4f} EM {em:.3f}")
writer.close()
print(f"RESULT dev_loss={dev_loss:.4f} exact_match={em:.4f}")

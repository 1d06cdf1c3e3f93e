# Seq2seq with attention: dates in words to ISO dates, teacher forcing half of the time
# (after the PyTorch "Translation with a Sequence to Sequence Network and Attention" tutorial by Sean Robertson)
import random
import sys
import datetime
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from tb_lossdiag import DiagWriter

random.seed(0)
torch.manual_seed(0)
SOS, EOS, PAD = 0, 1, 2


class Lang:
    def __init__(self):
        self.index = {}

    def encode(self, s):
        return [self.index.setdefault(c, len(self.index) + 3) for c in s] + [EOS]


def make_pair():
    d = datetime.date(1950, 1, 1) + datetime.timedelta(days=random.randrange(36500))
    fmt = random.choice(['%d %b %Y', '%B %d, %Y', '%d/%m/%y', '%a %d %B %Y', '%b %d %Y'])
    # two figure years belong to 1950..2049
    return d.strftime(fmt).lower(), d.strftime('%Y-%m-%d')


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size, padding_idx=PAD)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * hidden_size, hidden_size)

    def forward(self, x):
        lengths = (x != PAD).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(x), lengths, batch_first=True, enforce_sorted=False)
        out, h = self.gru(packed)
        out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        return self.bridge(out), torch.tanh(self.bridge(torch.cat([h[0], h[1]], 1)))[None]


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.gru = nn.GRUCell(2 * hidden_size, hidden_size)
        self.query = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(2 * hidden_size, output_size)

    def step(self, tok, h, enc, mask):
        score = torch.bmm(enc, self.query(h).unsqueeze(2)).squeeze(2) / h.shape[1] ** .5
        w = F.softmax(score.masked_fill(mask, -1e9), 1)
        ctx = torch.bmm(w.unsqueeze(1), enc).squeeze(1)
        h = self.gru(torch.cat([self.embedding(tok), ctx], 1), h)
        return F.log_softmax(self.out(torch.cat([h, ctx], 1)), 1), h

    def forward(self, enc, h, mask, target=None, length=11):
        tok = torch.full((enc.shape[0],), SOS)
        h, outs = h[0], []
        for i in range(length):
            o, h = self.step(tok, h, enc, mask)
            outs.append(o)
            # Teacher forcing: feed the target as the next input, else the own guess
            tok = target[:, i] if target is not None else o.argmax(1)
        return torch.stack(outs, 1)


class Seq2Seq(nn.Module):
    def __init__(self, n_in, n_out, hidden=48):
        super().__init__()
        self.encoder = EncoderRNN(n_in, hidden)
        self.decoder = AttnDecoderRNN(hidden, n_out)

    def forward(self, src, target=None):
        enc, h = self.encoder(src)
        return self.decoder(enc, h, (src == PAD)[:, :enc.shape[1]], target)


def batchify(pairs, lin, lout):
    src = [torch.tensor(lin.encode(a)) for a, _ in pairs]
    trg = torch.tensor([lout.encode(b) for _, b in pairs])
    return nn.utils.rnn.pad_sequence(src, True, PAD), trg


def main(logdir):
    lin, lout = Lang(), Lang()
    pairs = [make_pair() for _ in range(3000)]
    src, trg = batchify(pairs, lin, lout)
    (s_tr, t_tr), (s_te, t_te) = (src[:2600], trg[:2600]), (src[2600:], trg[2600:])
    model = Seq2Seq(len(lin.index) + 3, len(lout.index) + 3)
    optimizer = optim.Adam(model.parameters(), lr=4e-3)
    epochs, bs, teacher_forcing_ratio = 6, 64, 0.5
    steps = epochs * (len(s_tr) // bs)
    warm = 30
    sched = optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / warm, max(0.02, (steps - s) / (steps - warm))))
    criterion = nn.NLLLoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for ep in range(epochs):
        perm, total = torch.randperm(len(s_tr)), 0.
        model.train()
        for i in range(0, len(perm) - bs + 1, bs):
            idx = perm[i:i + bs]
            t = t_tr[idx]
            out = model(s_tr[idx], t if random.random() < teacher_forcing_ratio else None)
            loss = criterion(out.flatten(0, 1), t.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            sched.step()
            total += loss.item()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(s_te)
            vl = criterion(out.flatten(0, 1), t_te.flatten())
            acc = (out.argmax(2) == t_te).all(1).float().mean()
        print('epoch %d loss %.4f | free running val loss %.4f whole dates %.3f' % (ep + 1, total / (len(perm) // bs), vl, acc))


if __name__ == '__main__':
    main(sys.argv[1])

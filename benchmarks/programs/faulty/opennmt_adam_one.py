"""python train.py -optim adam   (encoder-decoder with global attention, parallel toy corpus)"""
import argparse, math, random, sys
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument('form'); ap.add_argument('logdir')
ap.add_argument('-optim', default='adam')
ap.add_argument('-rnn_size', type=int, default=96)
ap.add_argument('-word_vec_size', type=int, default=64)
ap.add_argument('-batch_size', type=int, default=64)
ap.add_argument('-train_steps', type=int, default=900)
ap.add_argument('-max_grad_norm', type=float, default=5)
ap.add_argument('-learning_rate', type=float, default=1.0)     # sgd default
opt = ap.parse_args()
if opt.form == 'fixed':
    opt.learning_rate = 0.001
torch.set_num_threads(1); torch.manual_seed(3435); random.seed(3435)

PAD, BOS, EOS = 0, 1, 2
NSRC, NTGT = 43, 43
lex = list(range(3, NTGT)); random.shuffle(lex)
lex = {s: t for s, t in zip(range(3, NSRC), lex)}

def sentence():
    n = random.randint(3, 8)
    src = [3 + min(39, int(random.expovariate(.08))) for _ in range(n)]
    out, i = [], 0
    while i < n:                                   # "adjectives" (even ids) go behind the next word
        if src[i] % 4 == 0 and i + 1 < n:
            out += [lex[src[i + 1]], lex[src[i]]]; i += 2
        else:
            out.append(lex[src[i]]); i += 1
    return src, [BOS] + out + [EOS]

def pad(seqs):
    m = max(map(len, seqs))
    return torch.tensor([s + [PAD] * (m - len(s)) for s in seqs])

train = [sentence() for _ in range(6000)]
valid = [sentence() for _ in range(500)]

class NMTModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.src_emb = nn.Embedding(NSRC, opt.word_vec_size, padding_idx=PAD)
        self.tgt_emb = nn.Embedding(NTGT, opt.word_vec_size, padding_idx=PAD)
        self.encoder = nn.LSTM(opt.word_vec_size, opt.rnn_size // 2, bidirectional=True, batch_first=True)
        self.decoder = nn.LSTM(opt.word_vec_size, opt.rnn_size, batch_first=True)
        self.attn = nn.Linear(opt.rnn_size, opt.rnn_size, bias=False)
        self.out = nn.Linear(2 * opt.rnn_size, opt.rnn_size)
        self.generator = nn.Linear(opt.rnn_size, NTGT)
        for p in self.parameters():
            p.data.uniform_(-0.1, 0.1)
    def forward(self, src, tgt):
        mem, (h, c) = self.encoder(self.src_emb(src))
        h = torch.cat([h[0], h[1]], -1)[None]; c = torch.cat([c[0], c[1]], -1)[None]
        dec, _ = self.decoder(self.tgt_emb(tgt), (h.contiguous(), c.contiguous()))
        score = self.attn(dec) @ mem.transpose(1, 2)
        a = score.masked_fill((src == PAD)[:, None], -1e9).softmax(-1)
        return self.generator(torch.tanh(self.out(torch.cat([a @ mem, dec], -1))))

model = NMTModel()
optim = torch.optim.Adam(model.parameters(), lr=opt.learning_rate) if opt.optim == 'adam' else torch.optim.SGD(model.parameters(), lr=opt.learning_rate)
crit = nn.CrossEntropyLoss(ignore_index=PAD)
w = DiagWriter(opt.logdir)
w.watch(model, optim, crit)

def loss_of(batch):
    src, tgt = pad([b[0] for b in batch]), pad([b[1] for b in batch])
    o = model(src, tgt[:, :-1])
    g = tgt[:, 1:]
    ok = ((o.argmax(-1) == g) & (g != PAD)).sum().item()
    return crit(o.flatten(0, 1), g.flatten()), ok, (g != PAD).sum().item()

def validate():
    model.eval()
    L = ok = n = 0
    with w.evaluating('val'):
        for i in range(0, len(valid), 100):
            l, k, m = loss_of(valid[i:i + 100])
            L += l.item() * m; ok += k; n += m
    model.train()
    return L / n, ok / n

step = 0
while step < opt.train_steps:
    random.shuffle(train)
    for i in range(0, len(train) - opt.batch_size, opt.batch_size):
        loss, ok, n = loss_of(train[i:i + opt.batch_size])
        optim.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), opt.max_grad_norm)
        optim.step(); step += 1
        if step % 50 == 0: print(f'Step {step} ppl {math.exp(min(loss.item(), 50)):.2f} acc {100 * ok / n:.1f}')
        if step % 150 == 0:
            vl, va = validate(); print(f'   valid loss {vl:.3f} acc {va:.3f}')
        if step >= opt.train_steps: break
w.close()
print(f'RESULT valid loss {vl:.3f} acc {va:.3f}')

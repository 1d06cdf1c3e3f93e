import sys, math, random
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1); random.seed(1)

ones = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
tens = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
def say(n):
    if n >= 1000: return say(n // 1000) + ["thousand"] + (say(n % 1000) if n % 1000 else [])
    if n >= 100:
        r = n % 100
        return say(n // 100) + ["hundred"] + ((["and"] if random.random() < .5 else []) + say(r) if r else [])
    if n >= 20: return [tens[n // 10]] + ([ones[n % 10]] if n % 10 else [])
    return [ones[n]]
words = ["<pad>"] + ones + tens[2:] + ["hundred", "thousand", "and"]
src_id = {t: i for i, t in enumerate(words)}
PAD, BOS, EOS = 10, 11, 12
nums = random.sample(range(100000), 9000)
def row(n):
    s = say(n)
    if random.random() < .04 and len(s) > 2: s.pop(random.randrange(len(s)))      # a word lost by the recogniser
    s = [src_id[t] for t in s]
    d = [int(c) for c in str(n)] + [EOS]
    return s + [0] * (11 - len(s)), len(s), [BOS] + d + [PAD] * (6 - len(d)), d + [PAD] * (6 - len(d)) + [PAD]
S, L, D, T = map(torch.tensor, zip(*map(row, nums)))
tr = DataLoader(TensorDataset(S[:8000], L[:8000], D[:8000], T[:8000]), 64, shuffle=True)
va = DataLoader(TensorDataset(S[8000:], L[8000:], D[8000:], T[8000:]), 250)

class Seq2SeqEncoder(nn.Module):
    def __init__(self, vocab_size, embed_size, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = nn.GRU(embed_size, num_hiddens, batch_first=True)
    def forward(self, X, lens):
        p = nn.utils.rnn.pack_padded_sequence(self.embedding(X), lens, batch_first=True, enforce_sorted=False)
        return self.rnn(p)[1]
class Seq2SeqDecoder(nn.Module):
    def __init__(self, vocab_size, embed_size, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = nn.GRU(embed_size + num_hiddens, num_hiddens, batch_first=True)
        self.dense = nn.Linear(num_hiddens, vocab_size)
    def forward(self, X, state):
        ctx = state[-1].unsqueeze(1).expand(-1, X.shape[1], -1)
        out, _ = self.rnn(torch.cat([self.embedding(X), ctx], 2), state)
        return self.dense(out)
class EncoderDecoder(nn.Module):
    def __init__(self, e, d):
        super().__init__(); self.encoder, self.decoder = e, d
    def forward(self, s, l, d): return self.decoder(d, self.encoder(s, l))

def init_seq2seq(m):
    if type(m) == nn.Linear: nn.init.xavier_uniform_(m.weight)
    if type(m) == nn.GRU:
        for n, p in m.named_parameters():
            if "weight" in n: nn.init.xavier_uniform_(p)
net = EncoderDecoder(Seq2SeqEncoder(len(words), 32, 48), Seq2SeqDecoder(13, 32, 48))
net.apply(init_seq2seq)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
epochs = 9
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(tr))
loss_fn = nn.CrossEntropyLoss(ignore_index=PAD)
w = DiagWriter(sys.argv[1])
w.watch(net, optimizer, loss_fn)
for epoch in range(epochs):
    tot = 0
    for s, l, d, t in tr:
        optimizer.zero_grad()
        ls = loss_fn(net(s, l, d).flatten(0, 1), t.flatten())
        ls.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1)
        optimizer.step(); sched.step()
        tot += ls.item()
    with w.evaluating("val"):
        v = [loss_fn(net(s, l, d).flatten(0, 1), t.flatten()).item() for s, l, d, t in va]
    print(f"epoch {epoch+1} loss {tot/len(tr):.4f} val {sum(v)/len(v):.4f}")
w.close()

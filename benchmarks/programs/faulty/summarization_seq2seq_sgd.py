"""Method-name generation: LSTM encoder, LSTM decoder, teacher forcing (structured summarization, the plain LSTM baseline)."""
import sys
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
g = torch.Generator().manual_seed(1)
PAD, BOS, EOS = 0, 1, 2
VERBS, NOUNS, NOISE = range(3, 13), range(13, 53), range(53, 150)


def make(n):
    """a body of 16 tokens contains one verb and two nouns; the name is verb, first noun, second noun"""
    ri = lambda a, b, s: torch.randint(a, b, s, generator=g)
    x = ri(53, 150, (n, 16))
    pos = torch.rand(n, 16, generator=g).argsort(1)[:, :3]
    v, a, b = ri(3, 13, (n,)), ri(13, 53, (n,)), ri(13, 53, (n,))
    first, second = pos[:, 1:].min(1).values, pos[:, 1:].max(1).values
    k = torch.arange(n)
    x[k, pos[:, 0]], x[k, first], x[k, second] = v, a, b
    y = torch.stack([torch.full((n,), BOS), v, a, b, torch.full((n,), EOS)], 1)
    return x, y


class LSTMToLSTM(nn.Module):
    def __init__(self, vocab=150, emb=32, hid=64):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb)
        self.encoder = nn.LSTM(emb, hid, batch_first=True)
        self.decoder = nn.LSTM(emb, hid, batch_first=True)
        self.attn = nn.Linear(hid, hid)
        self.out = nn.Linear(2 * hid, 53)

    def forward(self, src, tgt):
        enc, state = self.encoder(self.embedding(src))
        dec, _ = self.decoder(self.embedding(tgt), state)
        a = torch.softmax(self.attn(dec) @ enc.transpose(1, 2), -1) @ enc
        return self.out(torch.cat([dec, a], -1))


x, y = make(6400)
xv, yv = make(600)
model = LSTMToLSTM()
if sys.argv[1] == "faulty":
    optimizer = optim.SGD(model.parameters(), lr=0.005)
else:
    optimizer = optim.Adam(model.parameters(), lr=0.005)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)


def loss_of(xb, yb):
    o = model(xb, yb[:, :-1])
    return criterion(o.reshape(-1, 53), yb[:, 1:].reshape(-1)), o


for epoch in range(6):
    model.train()
    tot = 0
    for idx in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        loss, _ = loss_of(x[idx], y[idx])
        loss.backward()
        optimizer.step()
        tot += loss.item() / 100
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        vl, o = loss_of(xv, yv)
    acc = (o.argmax(-1) == yv[:, 1:])[:, :3].float().mean().item()
    print(f"Epoch {epoch}: train {tot:.4f} val {vl.item():.4f} token accuracy {acc:.3f}")
writer.close()
print(f"RESULT val loss {vl.item():.4f} token accuracy {acc:.4f}")

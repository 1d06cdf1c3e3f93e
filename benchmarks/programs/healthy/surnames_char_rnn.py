import sys, random, math
import numpy as np
import torch, torch.nn as nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2024); rng = np.random.RandomState(5)

# --- surnames of ten languages: order-2 letter chains with language-typical endings
letters = "abcdefghijklmnopqrstuvwxyz"
langs = ["Czech", "German", "Irish", "Italian", "Polish", "Greek", "Dutch", "French"]
common = rng.dirichlet(np.full(26, 0.35), size=27)
tables = {l: 0.55 * common + 0.45 * rng.dirichlet(np.full(26, 0.25), size=27) for l in langs}
ends = {l: ["".join(rng.choice(list(letters), 2)) for _ in range(6)] for l in langs}
def name(l):
    s, prev = "", 26
    for _ in range(rng.randint(3, 8)):
        prev = rng.choice(26, p=tables[l][prev] / tables[l][prev].sum())
        s += letters[prev]
    if rng.rand() < 0.45:
        s += ends[l][rng.randint(6)]
    return s
data = [(name(l), i) for i, l in enumerate(langs) for _ in range(900)]
random.Random(1).shuffle(data)
train, test = data[:6200], data[6200:]

def encode(batch):
    seqs = [torch.tensor([letters.index(c) for c in s]) for s, _ in batch]
    lens = torch.tensor([len(s) for s in seqs])
    return pad_sequence(seqs, batch_first=True), lens, torch.tensor([y for _, y in batch])

class CharRNN(nn.Module):
    def __init__(self, n_in, hidden_size, output_size):
        super().__init__()
        self.n_in = n_in
        self.rnn = nn.RNN(n_in, hidden_size, batch_first=True)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)
    def forward(self, x, lens):
        x = nn.functional.one_hot(x, self.n_in).float()
        p = pack_padded_sequence(x, lens, batch_first=True, enforce_sorted=False)
        _, hidden = self.rnn(p)
        return self.softmax(self.h2o(hidden[0]))

rnn = CharRNN(26, 128, len(langs))
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.3)
n_epoch, bs = 20, 64
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 14, 0.2)
w = DiagWriter(sys.argv[1])
w.watch(rnn, optimizer, criterion)

for it in range(1, n_epoch + 1):
    rnn.train()
    order = torch.randperm(len(train)).tolist()
    cur = []
    for k in range(0, len(order), bs):
        x, lens, y = encode([train[i] for i in order[k:k + bs]])
        loss = criterion(rnn(x, lens), y)
        loss.backward()
        nn.utils.clip_grad_norm_(rnn.parameters(), 3)
        optimizer.step()
        optimizer.zero_grad()
        cur.append(loss.item())
    scheduler.step()
    if it % 4 == 0:
        rnn.eval()
        with torch.no_grad():
            x, lens, y = encode(test)
            out = rnn(x, lens)
            v = criterion(out, y).item()
            acc = (out.argmax(1) == y).float().mean().item()
        print(f"{it} ({it / n_epoch:.0%}): loss = {np.mean(cur):.4f} test {v:.4f} acc {acc:.3f}")
w.close()

import sys
import sysconfig
import glob
import random
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
random.seed(8)
torch.manual_seed(8)
torch.set_num_threads(1)

KINDS = ["import", "def", "return", "#", "if"]


def lines_of_stdlib(per_kind=420):
    found = {k: [] for k in KINDS}
    for path in sorted(glob.glob(sysconfig.get_paths()["stdlib"] + "/*.py")):
        for line in open(path, encoding="utf8", errors="ignore"):
            s = line.strip()
            for k in KINDS:
                rest = s[len(k):].strip()
                if s.startswith(k) and 10 < len(rest) < 40:
                    found[k].append(rest[:30])
    data = []
    for i, k in enumerate(KINDS):
        random.shuffle(found[k])
        data += [(t, i) for t in found[k][:per_kind]]
    random.shuffle(data)
    return data


def encode(text):
    return torch.tensor([min(ord(c), 126) - 31 if ord(c) > 31 else 0 for c in text])


class Encoder(nn.Module):
    def __init__(self, vocab_size, emb_size, hidden_size, num_layers=1):
        super().__init__()
        self.num_layers, self.hidden_size = num_layers, hidden_size
        self.embedding = nn.Embedding(vocab_size, emb_size, padding_idx=0)
        self.rnn = nn.GRU(emb_size, hidden_size, num_layers, batch_first=True, bidirectional=True)

    def forward(self, x):
        out, hidden = self.rnn(self.embedding(x))
        if form == "faulty":
            return hidden.view(x.size(0), 2 * self.hidden_size)
        return hidden.permute(1, 0, 2).reshape(x.size(0), 2 * self.hidden_size)


class Classifier(nn.Module):
    def __init__(self, encoder, classes):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * encoder.hidden_size, classes))

    def forward(self, x):
        return self.head(self.encoder(x))


def batches(data, size, shuffle=False):
    if shuffle:
        data = random.sample(data, len(data))
    for i in range(0, len(data), size):
        part = data[i:i + size]
        yield pad_sequence([encode(t) for t, _ in part], batch_first=True), torch.tensor([k for _, k in part])


data = lines_of_stdlib()
train, val = data[:1600], data[1600:]
model = Classifier(Encoder(96, 16, 32), len(KINDS))
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optim, loss_fn)

for epoch in range(10):
    model.train()
    running = []
    for x, y in batches(train, 32, shuffle=True):
        optim.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optim.step()
        running.append(loss.item())
    right, losses = 0, []
    with writer.evaluating("val"):
        for x, y in batches(val, 32):
            logits = model(x)
            losses.append(loss_fn(logits, y).item())
            right += (logits.argmax(1) == y).sum().item()
    print(f"epoch {epoch}: train {sum(running) / len(running):.4f} val {sum(losses) / len(losses):.4f} acc {right / len(val):.4f}")
writer.close()
print(f"RESULT val loss {sum(losses) / len(losses):.4f} accuracy {right / len(val):.4f}")

"""LSTM sentiment on short reviews, scratch embeddings (v1 of a small course project)."""
import sys
import random
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
SEQ_LEN = 120
torch.manual_seed(1)
random.seed(1)

GOOD = "good great fine funny moving clever lovely superb".split()
BAD = "bad awful weak boring slow clumsy ugly terrible".split()
NOUNS = "plot acting music script ending cast camera pace dialogue story".split()
FILL = "the a this of and in with that was is it had we saw film movie really quite some scene".split()


def clause(pos):
    neg = random.random() < 0.35
    word = random.choice(GOOD if pos != neg else BAD)
    return [random.choice(["the", "its"]), random.choice(NOUNS), "was"] + (["not"] if neg else []) + [word]


def review():
    label = random.randint(0, 1)
    words = []
    for _ in range(random.randint(2, 6)):
        words += random.choices(FILL, k=random.randint(0, 4)) + clause(label if random.random() < 0.9 else 1 - label)
    return words, label


def build(n):
    return [review() for _ in range(n)]


train_raw, test_raw = build(1500), build(400)
vocab = {"<pad>": 0, "<unk>": 1}
for ws, _ in train_raw:
    for w in ws:
        vocab.setdefault(w, len(vocab))


def collate(batch):
    x = torch.zeros(len(batch), SEQ_LEN, dtype=torch.long)
    lengths = torch.tensor([min(len(w), SEQ_LEN) for w, _ in batch])
    for i, (w, _) in enumerate(batch):
        x[i, :len(w)] = torch.tensor([vocab.get(t, 1) for t in w][:SEQ_LEN])
    return x, lengths, torch.tensor([float(l) for _, l in batch])


class SentimentLSTM(nn.Module):
    def __init__(self, vocab_size, emb=24, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, emb, padding_idx=0)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x, lengths):
        e = self.embedding(x)
        if FORM == "fixed":
            e = pack_padded_sequence(e, lengths, batch_first=True, enforce_sorted=False)
        _, (h_n, _) = self.lstm(e)
        return self.fc(h_n[-1]).squeeze(1)


def evaluate(model, loader, criterion):
    model.eval()
    loss, ok, n = 0.0, 0, 0
    with torch.no_grad():
        for x, lengths, y in loader:
            logit = model(x, lengths)
            loss += criterion(logit, y).item() * len(y)
            ok += ((torch.sigmoid(logit) > 0.5).float() == y).sum().item()
            n += len(y)
    return loss / n, ok / n


train_loader = DataLoader(train_raw, batch_size=32, shuffle=True, collate_fn=collate)
test_loader = DataLoader(test_raw, batch_size=100, collate_fn=collate)
model = SentimentLSTM(len(vocab))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)

for epoch in range(8):
    model.train()
    for x, lengths, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x, lengths), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with writer.evaluating("val"):
        vl, va = evaluate(model, test_loader, criterion)
    print(f"epoch {epoch} last batch loss {loss.item():.4f}  test loss {vl:.4f}  test acc {va:.3f}")
writer.close()

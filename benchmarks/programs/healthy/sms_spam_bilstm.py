"""SMS spam filter: word ids, padded, bidirectional LSTM with mean pooling over the true length; 13 % spam as in the UCI set."""
import random
import sys
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(8)
torch.manual_seed(8)
HAM = """i you me we the a to is in at on and it my for of that have go come home work late now later today tonight love ok yeah lol good night morning
dinner lunch meet call see you're how what when where tell mum dad friend bus train class exam sleep sorry thanks miss happy money free text phone""".split()
SPAM = """free win winner won prize cash claim urgent txt text reply stop call mobile customer service guaranteed award £100 £500 £1000 now 08712 08001
ringtone offer box weekly entry your you have been selected to a for the per min 150p www com tone voucher holiday expires code""".split()
vocab = {w: i + 2 for i, w in enumerate(sorted(set(HAM + SPAM)))}
rare = len(vocab) + 2


def message():
    spam = random.random() < .134
    src, other = (SPAM, HAM) if spam else (HAM, SPAM)
    n = random.randint(10, 28) if spam else max(2, int(random.gammavariate(2.2, 6)))
    mix = random.uniform(.05, .5)
    ws = [random.choice(other if random.random() < mix else src) for _ in range(min(n, 40))]
    ids = [vocab[w] if random.random() > .12 else random.randrange(rare, rare + 400) for w in ws]
    if random.random() < .02:
        spam = not spam
    return torch.tensor(ids), float(spam)


def collate(batch):
    xs, ys = zip(*batch)
    return pad_sequence(xs, batch_first=True), torch.tensor([len(x) for x in xs]), torch.tensor(ys)


data = [message() for _ in range(5574)]
train_loader = DataLoader(data[:4400], batch_size=32, shuffle=True, collate_fn=collate)
test_loader = DataLoader(data[4400:], batch_size=256, collate_fn=collate)


class SpamNet(nn.Module):
    def __init__(self, size, dim=32, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(size, dim, padding_idx=0)
        self.lstm = nn.LSTM(dim, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(.3)
        self.fc = nn.Linear(2 * hidden, 1)

    def forward(self, x, n):
        e = self.dropout(self.embedding(x))
        p = nn.utils.rnn.pack_padded_sequence(e, n, batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(p)[0], batch_first=True)
        return self.fc(h.sum(1) / n[:, None]).squeeze(1)


model = SpamNet(rare + 400)
bce = nn.BCEWithLogitsLoss()
adam = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, adam, bce)
for epoch in range(5):
    model.train()
    tr = 0.
    for x, n, y in train_loader:
        adam.zero_grad()
        loss = bce(model(x, n), y)
        loss.backward()
        adam.step()
        tr += loss.item() * len(y) / 4400
    model.eval()
    with writer.evaluating("test"):
        te, tp, fp, fn = 0., 0, 0, 0
        for x, n, y in test_loader:
            o = model(x, n)
            te += bce(o, y).item() * len(y) / len(data[4400:])
            tp += ((o > 0) & (y == 1)).sum().item()
            fp += ((o > 0) & (y == 0)).sum().item()
            fn += ((o <= 0) & (y == 1)).sum().item()
    print(f"epoch {epoch + 1}  train {tr:.4f}  test {te:.4f}  precision {tp / max(tp + fp, 1):.3f} recall {tp / max(tp + fn, 1):.3f}")
writer.close()
print(f"RESULT train={tr:.4f} test={te:.4f} precision={tp / max(tp + fp, 1):.3f} recall={tp / max(tp + fn, 1):.3f}")

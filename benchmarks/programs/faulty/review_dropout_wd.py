"""Sentiment of synthetic reviews: bag of embeddings + MLP."""
import sys, random
import torch
import torch.nn as nn
from collections import Counter
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
random.seed(0); torch.manual_seed(0); torch.set_num_threads(1)
POS = "great lovely superb moving brilliant funny warm clever charming fresh".split()
NEG = "dull awful boring weak clumsy stale cold tedious messy flat".split()
NEU = [f"w{i}" for i in range(400)]


def review():
    y = random.random() < .5
    w = [random.choice(NEU) for _ in range(random.randint(12, 30))]
    for _ in range(random.randint(2, 5)):
        good = y if random.random() < .85 else not y
        w.insert(random.randrange(len(w)), random.choice(POS if good else NEG))
    return w, int(y)


data = [review() for _ in range(2600)]
train, test = data[:2000], data[2000:]
vocab = {w: i + 1 for i, (w, _) in enumerate(Counter(t for d, _ in train for t in d).most_common())}


def collate(batch):
    L = max(len(d) for d, _ in batch)
    X = torch.zeros(len(batch), L, dtype=torch.long)
    for k, (d, _) in enumerate(batch):
        X[k, :len(d)] = torch.tensor([vocab.get(t, 0) for t in d])
    return X, torch.tensor([y for _, y in batch])


class Net(nn.Module):
    def __init__(self, V, D=32, p=0.2):
        super().__init__()
        self.emb = nn.Embedding(V, D, padding_idx=0)
        self.drop = nn.Dropout(p)
        self.fc1 = nn.Linear(D, 32)
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        m = (x > 0).unsqueeze(2).float()
        h = (self.emb(x) * m).sum(1) / m.sum(1)
        return self.fc2(self.drop(torch.relu(self.fc1(self.drop(h)))))


model = Net(len(vocab) + 1)
weight_decay = 0.05 if mode == "faulty" else 1e-5      # read "use weight decay of 0.05" in an AdamW paper
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=weight_decay)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
loader = torch.utils.data.DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
val_loader = torch.utils.data.DataLoader(test, batch_size=100, collate_fn=collate)
writer.watch(model, optimizer, crit, train_loader=loader)
for epoch in range(12):
    model.train()
    s = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = crit(model(x), y)
        loss.backward()
        optimizer.step()
        s += loss.item() / len(loader)
    model.eval()
    v = acc = 0
    with writer.evaluating("val"):
        for x, y in val_loader:
            o = model(x)
            v += crit(o, y).item() / len(val_loader)
            acc += (o.argmax(1) == y).sum().item() / len(test)
    print(f"epoch {epoch}: train {s:.4f} val {v:.4f} acc {acc:.3f}")
writer.close()

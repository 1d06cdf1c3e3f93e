# Child-Sum Tree-LSTM (dasguptar/treelstm.pytorch): one tree at a time, gradients of 25 trees added, Adagrad lr .01... here .05, wd 1e-4.
# Task: value (5 grades) of little sentiment phrases with negation and intensifiers.
import sys, random
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(123); random.seed(123)

good, bad, neutral = "great lovely superb fine warm witty moving fresh".split(), "awful dull weak bland messy slow cheap flat".split(), "plot actor scene film score camera".split()
neg, intens, conj = ["not", "hardly"], ["very", "really"], ["and", "but"]
vocab = {w: i for i, w in enumerate(good + bad + neutral + neg + intens + conj)}

class Tree:
    def __init__(self, word, children=(), score=0.): self.word, self.children, self.score = word, list(children), score

def grow(depth):
    u = random.random()
    if depth == 0 or u < .2:
        w = random.choice(good + bad + neutral)
        return Tree(w, score=1. if w in good else -1. if w in bad else 0.)
    if u < .45: c = grow(depth - 1); return Tree(random.choice(neg), [c], -.8 * c.score)
    if u < .7: c = grow(depth - 1); return Tree(random.choice(intens), [c], max(-2., min(2., 1.7 * c.score)))
    a, b = grow(depth - 1), grow(depth - 1)
    return Tree(random.choice(conj), [a, b], max(-2., min(2., a.score + b.score)))

def label(t): return 0 if t.score < -1.1 else 1 if t.score < -.2 else 2 if t.score < .2 else 3 if t.score < 1.1 else 4

class ChildSumTreeLSTM(nn.Module):
    def __init__(self, in_dim, mem_dim):
        super().__init__()
        self.mem_dim = mem_dim
        self.ioux, self.iouh = nn.Linear(in_dim, 3 * mem_dim), nn.Linear(mem_dim, 3 * mem_dim)
        self.fx, self.fh = nn.Linear(in_dim, mem_dim), nn.Linear(mem_dim, mem_dim)
    def node_forward(self, x, child_c, child_h):
        i, o, u = torch.split(self.ioux(x) + self.iouh(child_h.sum(0, keepdim=True)), self.mem_dim, dim=1)
        f = torch.sigmoid(self.fh(child_h) + self.fx(x))
        c = torch.sigmoid(i) * torch.tanh(u) + (f * child_c).sum(0, keepdim=True)
        return c, torch.sigmoid(o) * torch.tanh(c)
    def forward(self, tree, emb):
        st = [self(ch, emb) for ch in tree.children] or [(torch.zeros(1, self.mem_dim),) * 2]
        return self.node_forward(emb(torch.tensor([vocab[tree.word]])), torch.cat([s[0] for s in st]), torch.cat([s[1] for s in st]))

class SentimentTreeLSTM(nn.Module):
    def __init__(self, in_dim=24, mem_dim=32, classes=5):
        super().__init__()
        self.emb, self.childsum, self.out = nn.Embedding(len(vocab), in_dim), ChildSumTreeLSTM(in_dim, mem_dim), nn.Linear(mem_dim, classes)
    def forward(self, tree): return self.out(self.childsum(tree, self.emb)[1])

data = [grow(3) for _ in range(1300)]
train, dev = data[:1000], data[1000:]
model, criterion = SentimentTreeLSTM(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adagrad(model.parameters(), lr=.05, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, criterion)
batchsize = 25
for epoch in range(10):
    model.train(); optimizer.zero_grad(); total = 0.
    random.shuffle(train)
    for k, t in enumerate(train):
        loss = criterion(model(t), torch.tensor([label(t)]))
        total += loss.item()
        (loss / batchsize).backward()
        if (k + 1) % batchsize == 0:
            optimizer.step(); optimizer.zero_grad()
    with writer.evaluating("val"):
        outs = torch.cat([model(t) for t in dev]); ys = torch.tensor([label(t) for t in dev])
        vl = criterion(outs, ys).item(); acc = (outs.argmax(1) == ys).float().mean().item()
    print(f"Epoch {epoch} train {total / len(train):.4f} dev {vl:.4f} acc {acc:.3f}")
writer.close()
print(f"RESULT train {total / len(train):.4f} val {vl:.4f} acc {acc:.3f} classes {torch.bincount(ys).tolist()}")

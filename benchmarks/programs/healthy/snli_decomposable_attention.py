# d2l.ai 16.5 "Natural Language Inference: Using Attention" on a made-up entailment corpus
import sys
import torch
from torch import nn
from torch.nn import functional as F
import random
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1); random.seed(1)

subj = ['man', 'woman', 'boy', 'girl', 'dog', 'child', 'player', 'musician', 'chef', 'teacher']
hyper = {'man': 'person', 'woman': 'person', 'boy': 'child', 'girl': 'child', 'player': 'athlete', 'musician': 'artist', 'chef': 'person', 'teacher': 'person', 'dog': 'animal', 'child': 'person'}
verbs = {'runs': 'moves', 'walks': 'moves', 'sleeps': 'rests', 'sits': 'rests', 'sings': 'performs', 'plays': 'performs', 'cooks': 'works', 'reads': 'works', 'jumps': 'moves', 'dances': 'performs'}
clash = {'moves': 'rests', 'rests': 'moves', 'performs': 'rests', 'works': 'rests'}
place = ['park', 'street', 'kitchen', 'beach', 'stage', 'school', 'garden', 'field']; outdoor = {'park', 'street', 'beach', 'garden', 'field'}
adj = ['young', 'old', 'tall', 'happy', 'tired', 'small']; col = ['red', 'blue', 'green', 'black', 'white']; wear = ['shirt', 'hat', 'coat', 'scarf']

def premise():
    return dict(a=random.choice(adj), s=random.choice(subj), v=random.choice(list(verbs)), p=random.choice(place), c=random.choice(col), w=random.choice(wear))
def say(d, drop=()):
    t = 'a '
    if 'a' not in drop and random.random() < .7: t += d['a'] + ' '
    t += d['s'] + ' '
    if 'c' not in drop and random.random() < .6: t += f"in a {d['c']} {d['w']} "
    t += d['v']
    if 'p' not in drop and random.random() < .8: t += (' in the ' + d['p']) if d['p'] not in ('street', 'stage', 'beach', 'field') else ' on the ' + d['p']
    return t
def pair():
    d = premise(); y = random.randrange(3); h = dict(d); full = f"a {d['a']} {d['s']} in a {d['c']} {d['w']} {d['v']} in the {d['p']}"
    if random.random() < .3: full = 'there is ' + full
    if y == 0:
        if random.random() < .6: h['s'] = hyper[d['s']]
        if random.random() < .5: h['v'] = verbs[d['v']]
        t = say(h)
        if random.random() < .15: t = f"a {h['s']} is " + ('outside' if d['p'] in outdoor else 'inside')
    elif y == 1:
        k = random.choice('svpc')
        if k == 's': h['s'] = random.choice([s for s in subj if s != d['s'] and hyper[d['s']] != s and hyper[s] != d['s']])
        if k == 'v': h['v'] = clash[verbs[d['v']]] if random.random() < .5 else random.choice([v for v in verbs if verbs[v] != verbs[d['v']]])
        if k == 'p': h['p'] = random.choice([p for p in place if p != d['p']])
        if k == 'c': h['c'] = random.choice([c for c in col if c != d['c']])
        t = say(h)
        while k in 'pc' and h[k] not in t: t = say(h)
    else:
        t = say(h, drop='p') + random.choice([' with a friend', ' because it is late', ' for money', ' before lunch', ' near a car', ' with music'])
    if random.random() < .06: y = random.randrange(3)                # annotators disagree
    return full.split(), t.split(), y

N_TRAIN, N_TEST, num_steps = 7000, 1500, 16
raw = [pair() for _ in range(N_TRAIN + N_TEST)]
vocab = {w: i + 2 for i, w in enumerate(sorted({w for p, h, _ in raw for w in p + h}))}
enc = lambda s: ([vocab[w] for w in s] + [1] * num_steps)[:num_steps]
P = torch.tensor([enc(p) for p, _, _ in raw]); H = torch.tensor([enc(h) for _, h, _ in raw]); Y = torch.tensor([y for _, _, y in raw])

def mlp(num_inputs, num_hiddens, flatten):
    net = [nn.Dropout(0.2), nn.Linear(num_inputs, num_hiddens), nn.ReLU()]
    if flatten: net.append(nn.Flatten(start_dim=1))
    net += [nn.Dropout(0.2), nn.Linear(num_hiddens, num_hiddens), nn.ReLU()]
    if flatten: net.append(nn.Flatten(start_dim=1))
    return nn.Sequential(*net)

class Attend(nn.Module):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__(); self.f = mlp(num_inputs, num_hiddens, flatten=False)
    def forward(self, A, B):
        e = torch.bmm(self.f(A), self.f(B).permute(0, 2, 1))
        return torch.bmm(F.softmax(e, dim=-1), B), torch.bmm(F.softmax(e.permute(0, 2, 1), dim=-1), A)
class Compare(nn.Module):
    def __init__(self, i, h): super().__init__(); self.g = mlp(i, h, flatten=False)
    def forward(self, A, B, beta, alpha): return self.g(torch.cat([A, beta], 2)), self.g(torch.cat([B, alpha], 2))
class Aggregate(nn.Module):
    def __init__(self, i, h, o): super().__init__(); self.h = mlp(i, h, flatten=True); self.linear = nn.Linear(h, o)
    def forward(self, V_A, V_B): return self.linear(self.h(torch.cat([V_A.sum(dim=1), V_B.sum(dim=1)], dim=1)))
class DecomposableAttention(nn.Module):
    def __init__(self, n, embed_size, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(n, embed_size)
        self.attend, self.compare, self.aggregate = Attend(embed_size, num_hiddens), Compare(embed_size * 2, num_hiddens), Aggregate(num_hiddens * 2, num_hiddens, 3)
    def forward(self, X):
        A, B = self.embedding(X[0]), self.embedding(X[1])
        beta, alpha = self.attend(A, B)
        return self.aggregate(*self.compare(A, B, beta, alpha))

net = DecomposableAttention(len(vocab) + 2, 50, 64)
lr, num_epochs, batch = 0.001, 8, 64
trainer = torch.optim.Adam(net.parameters(), lr=lr)
loss = nn.CrossEntropyLoss(reduction="none")
writer = DiagWriter(sys.argv[1]); writer.watch(net, trainer, loss)
def evaluate():
    s = c = 0
    with writer.evaluating("test"):
        for i in range(N_TRAIN, N_TRAIN + N_TEST, 250):
            o = net((P[i:i + 250], H[i:i + 250])); y = Y[i:i + 250]
            s += loss(o, y).sum().item(); c += (o.argmax(1) == y).sum().item()
    return s / N_TEST, c / N_TEST
for epoch in range(num_epochs):
    net.train(); perm = torch.randperm(N_TRAIN); tl = 0
    for k in perm.split(batch):
        trainer.zero_grad()
        l = loss(net((P[k], H[k])), Y[k])
        l.sum().backward()
        trainer.step()
        tl += l.sum().item() / N_TRAIN
    te, acc = evaluate()
    print(f'epoch {epoch + 1}, loss {tl:.3f}, test loss {te:.3f}, test acc {acc:.3f}')
writer.close()
print(f'RESULT train {tl:.4f} test {te:.4f} acc {acc:.4f}')

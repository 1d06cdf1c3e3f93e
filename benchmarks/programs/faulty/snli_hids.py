# Natural language inference on a made-up language: premise / hypothesis -> entailment, neutral, contradiction
import sys
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
random.seed(1)
torch.manual_seed(1)

NOUNS = {'dog': 'animal', 'cat': 'animal', 'horse': 'animal', 'car': 'vehicle', 'bus': 'vehicle', 'bike': 'vehicle',
         'boy': 'person', 'girl': 'person', 'chef': 'person'}
VERBS = {'runs': 'moves', 'walks': 'moves', 'jumps': 'moves', 'sleeps': 'rests', 'sits': 'rests', 'lies': 'rests'}
ADJS = ['red', 'old', 'big', 'happy']
PLACES = ['park', 'street', 'kitchen', 'beach']
vocab = {w: i + 1 for i, w in enumerate(sorted(set(
    ['a', 'in', 'the'] + list(NOUNS) + list(NOUNS.values()) + list(VERBS) + list(VERBS.values()) + ADJS + PLACES)))}


def sample():
    n, v, a, p = random.choice(list(NOUNS)), random.choice(list(VERBS)), random.choice(ADJS), random.choice(PLACES)
    prem = ['a', a, n, v, 'in', 'the', p]
    label = random.randrange(3)
    if label == 0:      # entailment: drop or generalise
        hyp = ['a', random.choice([n, NOUNS[n]]), random.choice([v, VERBS[v]])]
        if random.random() < .5:
            hyp += ['in', 'the', p]
    elif label == 1:    # neutral: says more than the premise
        hyp = ['a', random.choice([x for x in ADJS if x != a]), random.choice([n, NOUNS[n]]), random.choice([v, VERBS[v]])]
    else:               # contradiction: another kind of action or another place
        other = random.choice([x for x in VERBS if VERBS[x] != VERBS[v]])
        if random.random() < .5:
            hyp = ['a', random.choice([n, NOUNS[n]]), random.choice([other, VERBS[other]])]
        else:
            hyp = ['a', random.choice([n, NOUNS[n]]), v, 'in', 'the', random.choice([x for x in PLACES if x != p])]
    return prem, hyp, label


def tensorize(data, L=7):
    enc = lambda s: [vocab[w] for w in s] + [0] * (L - len(s))
    return (torch.tensor([enc(p) for p, _, _ in data]), torch.tensor([enc(h) for _, h, _ in data]),
            torch.tensor([l for _, _, l in data]))


class SNLINet(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.emb = nn.Embedding(len(vocab) + 1, options['dim_emb'], padding_idx=0)
        self.act = getattr(F, options['act'])
        dims = [4 * options['dim_emb']] + [options['n_hid']] * options['n_layers']
        self.hids = [nn.Linear(i, o) for i, o in zip(dims[:-1], dims[1:])]
        if form == 'fixed':
            self.hids = nn.ModuleList(self.hids)
        self.classifier = nn.Linear(options['n_hid'], 3)

    def encode(self, s):
        e = self.emb(s)
        return e.sum(1) / (s > 0).sum(1, keepdim=True)

    def forward(self, premise, hypothesis):
        p, h = self.encode(premise), self.encode(hypothesis)
        x = torch.cat([p, h, (p - h).abs(), p * h], 1)
        for layer in self.hids:
            x = self.act(layer(x))
        return self.classifier(x)


train = tensorize([sample() for _ in range(4000)])
valid = tensorize([sample() for _ in range(1000)])

options = {'dim_emb': 32, 'n_hid': 64, 'n_layers': 3, 'act': 'relu'}
net = SNLINet(options)
print(net)
criterion = nn.CrossEntropyLoss()
opt = optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(net, opt, criterion)

bs = 64
for ep in range(20):
    net.train()
    idx = torch.randperm(len(train[2]))
    tot = 0
    for b in range(0, len(idx), bs):
        i = idx[b:b + bs]
        opt.zero_grad()
        loss = criterion(net(train[0][i], train[1][i]), train[2][i])
        loss.backward()
        opt.step()
        tot += loss.item() * len(i)
    net.eval()
    with torch.no_grad(), writer.evaluating('valid'):
        out = net(valid[0], valid[1])
        vloss = criterion(out, valid[2]).item()
    if ep % 4 == 3:
        print('epoch %d train %.4f valid %.4f acc %.3f' % (ep + 1, tot / len(idx), vloss, (out.argmax(1) == valid[2]).float().mean()))
writer.close()

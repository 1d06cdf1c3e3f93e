"""TransE with margin ranking loss and corrupted triples; a family / geography style knowledge graph. After thunlp/OpenKE and mklimasz/TransE-PyTorch."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils import data
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(5); rng = np.random.default_rng(5)

# towns sit on a grid in countries; relations: located_in, capital_of, north_of, east_of, trades_with(noisy), language
NC, PER = 16, 20
towns = np.arange(NC * PER); country = NC * PER + np.arange(NC); lang = NC * PER + NC + np.arange(6)
E, R = NC * PER + NC + 6, 6
tr = []
clang = rng.integers(0, 6, NC)
for t in towns:
    c = t // PER; i = t % PER; x, y = i % 5, i // 5
    tr.append((t, 0, country[c]))
    if i == 0: tr.append((t, 1, country[c]))
    if y < 3: tr.append((t, 2, t + 5))
    if x < 4: tr.append((t, 3, t + 1))
    tr.append((t, 4, lang[clang[c]] if rng.random() < .9 else lang[rng.integers(6)]))
    for _ in range(2): tr.append((t, 5, int(c * PER + rng.integers(PER)) if rng.random() < .8 else int(rng.integers(NC * PER))))
tr = np.array(tr); rng.shuffle(tr)
n_val = 150
train_t, valid_t, test_t = tr[2 * n_val:], tr[:n_val], tr[n_val:2 * n_val]
known = set(map(tuple, tr))


class TransE(nn.Module):
    def __init__(self, entity_count, relation_count, norm=1, dim=40, margin=2.0):
        super().__init__()
        self.norm, self.dim = norm, dim
        r = 6 / np.sqrt(dim)
        self.entities_emb = nn.Embedding(entity_count, dim); self.entities_emb.weight.data.uniform_(-r, r)
        self.relations_emb = nn.Embedding(relation_count, dim); self.relations_emb.weight.data.uniform_(-r, r)
        self.relations_emb.weight.data /= self.relations_emb.weight.data.norm(p=1, dim=1, keepdim=True)
        self.criterion = nn.MarginRankingLoss(margin=margin, reduction='none')

    def forward(self, positive, negative):
        self.entities_emb.weight.data /= self.entities_emb.weight.data.norm(p=2, dim=1, keepdim=True)
        pd, nd = self._distance(positive), self._distance(negative)
        return self.criterion(pd, nd, torch.full_like(pd, -1)), pd, nd

    def predict(self, triplets): return self._distance(triplets)

    def _distance(self, t):
        return (self.entities_emb(t[:, 0]) + self.relations_emb(t[:, 1]) - self.entities_emb(t[:, 2])).norm(p=self.norm, dim=1)


def test(model, triplets):
    hits = mrr = 0
    ent = torch.arange(E)
    for h, r, t in triplets:
        s = model.predict(torch.stack([torch.full((E,), h), torch.full((E,), r), ent], 1)).clone()
        for e in range(E):
            if e != t and (h, r, e) in known: s[e] = 1e9
        rank = int((s < s[t]).sum()) + 1
        hits += rank <= 10; mrr += 1 / rank
    return hits / len(triplets), mrr / len(triplets)


def corrupt(pos):
    neg = pos.clone(); b = len(pos)
    head = torch.rand(b) < .5; rnd = torch.randint(0, E, (b,))
    neg[:, 0] = torch.where(head, rnd, neg[:, 0]); neg[:, 2] = torch.where(head, neg[:, 2], rnd)
    return neg


loader = data.DataLoader(torch.tensor(train_t), batch_size=128, shuffle=True)
model = TransE(E, R)
optimizer = optim.SGD(model.parameters(), lr=0.25)
summary_writer = DiagWriter(sys.argv[1])
summary_writer.watch(model, optimizer)
best = 0
for epoch in range(1, 161):
    model.train(); imp = tot = 0
    for positive in loader:
        optimizer.zero_grad()
        loss, pd, nd = model(positive, corrupt(positive))
        loss.mean().backward()
        optimizer.step()
        tot += loss.sum().item(); imp += (loss > 0).sum().item()
    if epoch % 20 == 0:
        model.eval()
        with torch.no_grad(): h10, mrr = test(model, valid_t)
        summary_writer.add_scalar('Metrics/hits_10', h10, epoch); best = max(best, h10)
        print(f'epoch {epoch} loss {tot / len(train_t):.4f} violating {imp / len(train_t):.3f} valid hits@10 {h10:.3f} mrr {mrr:.3f}')
with torch.no_grad(): h10, mrr = test(model, test_t)
summary_writer.close()
print(f'RESULT loss {tot / len(train_t):.4f} test hits@10 {h10:.3f} mrr {mrr:.3f}')

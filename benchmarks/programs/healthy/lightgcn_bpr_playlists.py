"""LightGCN (He et al. 2020), after gusye1234/LightGCN-PyTorch: 3 layers, dim 64, Adam 1e-3, decay 1e-4, BPR on sampled triples."""
import argparse, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_interactions(n_users=600, n_items=500, seed=2020):
    rng = np.random.default_rng(seed)
    taste = rng.dirichlet(np.ones(8) * .25, n_users)
    genre = rng.dirichlet(np.ones(8) * .15, n_items)
    pop = rng.zipf(1.6, n_items).clip(max=60) ** .4
    train, test = [], []
    for u in range(n_users):
        p = (taste[u] @ genre.T) ** 1.5 * pop + 1e-4
        items = rng.choice(n_items, size=rng.integers(15, 45), replace=False, p=p / p.sum())
        cut = max(1, len(items) // 5)
        test.append(items[:cut]); train.append(items[cut:])
    return train, test


class LightGCN(nn.Module):
    def __init__(self, n_users, m_items, graph, dim=64, n_layers=3):
        super().__init__()
        self.embedding_user = nn.Embedding(n_users, dim)
        self.embedding_item = nn.Embedding(m_items, dim)
        nn.init.normal_(self.embedding_user.weight, std=0.1)
        nn.init.normal_(self.embedding_item.weight, std=0.1)
        self.graph, self.n_layers = graph, n_layers

    def computer(self):
        e = torch.cat([self.embedding_user.weight, self.embedding_item.weight])
        embs = [e]
        for _ in range(self.n_layers):
            e = torch.sparse.mm(self.graph, e)
            embs.append(e)
        return torch.stack(embs, 1).mean(1).split([self.embedding_user.num_embeddings, self.embedding_item.num_embeddings])

    def forward(self, users, pos, neg):
        U, I = self.computer()
        u, p, n = U[users], I[pos], I[neg]
        reg = .5 * (self.embedding_user(users).pow(2).sum() + self.embedding_item(pos).pow(2).sum() + self.embedding_item(neg).pow(2).sum()) / len(users)
        loss = F.softplus((u * n).sum(1) - (u * p).sum(1)).mean()
        return loss, reg


def main():
    world = argparse.Namespace(lr=0.001, decay=1e-4, bpr_batch=512, epochs=60, topk=20, seed=2020)
    torch.manual_seed(world.seed); rng = np.random.default_rng(world.seed)
    train, test = make_interactions()
    n, m = len(train), 500
    pairs = np.array([(u, i) for u in range(n) for i in train[u]])
    src = torch.tensor(np.r_[pairs[:, 0], pairs[:, 1] + n]); dst = torch.tensor(np.r_[pairs[:, 1] + n, pairs[:, 0]])
    deg = torch.bincount(src, minlength=n + m).clamp(min=1).float()
    graph = torch.sparse_coo_tensor(torch.stack([src, dst]), deg[src].rsqrt() * deg[dst].rsqrt(), (n + m, n + m)).coalesce()
    model = LightGCN(n, m, graph)
    opt = torch.optim.Adam(model.parameters(), lr=world.lr)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt)
    seen = np.zeros((n, m), bool); seen[pairs[:, 0], pairs[:, 1]] = True

    def recall():
        with torch.no_grad():
            U, I = model.computer()
            s = (U @ I.T).masked_fill(torch.from_numpy(seen), -1e9)
            top = s.topk(world.topk).indices.numpy()
        return np.mean([len(set(t) & set(g)) / len(g) for t, g in zip(top, test)])

    r0 = recall()
    for epoch in range(world.epochs):
        neg = rng.integers(0, m, len(pairs))
        while (bad := seen[pairs[:, 0], neg]).any():
            neg[bad] = rng.integers(0, m, bad.sum())
        S = torch.from_numpy(np.c_[pairs, neg])[torch.randperm(len(pairs))]
        aver = []
        for b in S.split(world.bpr_batch):
            loss, reg = model(*b.T)
            opt.zero_grad()
            (loss + world.decay * reg).backward()
            opt.step()
            aver.append(loss.item())
        if epoch % 10 == 9:
            print(f"EPOCH[{epoch + 1}/{world.epochs}] loss{np.mean(aver):.3f} recall@20 {recall():.3f}")
    writer.close()
    pop = np.mean([len(set(np.argsort(-(seen.sum(0) - 1e6 * seen[u]))[:20]) & set(test[u])) / len(test[u]) for u in range(n)])
    print(f"RESULT bpr {np.mean(aver):.3f} recall@20 {recall():.3f} at start {r0:.3f} popularity {pop:.3f}")


if __name__ == "__main__":
    main()

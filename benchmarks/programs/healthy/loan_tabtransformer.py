"""lucidrains-flavoured TabTransformer on made-up loan applications (16 % defaults, left as they are)"""
import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, einsum
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Residual(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x) + x


class PreNorm(nn.Module):
    def __init__(self, dim, fn):
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(dim), fn

    def forward(self, x):
        return self.fn(self.norm(x))


class GEGLU(nn.Module):
    def forward(self, x):
        x, gates = x.chunk(2, dim=-1)
        return x * F.gelu(gates)


def FeedForward(dim, mult=2, dropout=0.):
    return nn.Sequential(nn.Linear(dim, dim * mult * 2), GEGLU(), nn.Dropout(dropout), nn.Linear(dim * mult, dim))


class Attention(nn.Module):
    def __init__(self, dim, heads=4, dim_head=4, dropout=0.):
        super().__init__()
        self.h, self.scale = heads, dim_head ** -.5
        self.to_qkv = nn.Linear(dim, heads * dim_head * 3, bias=False)
        self.to_out = nn.Linear(heads * dim_head, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = (t.view(b, n, self.h, -1).transpose(1, 2) for t in self.to_qkv(x).chunk(3, dim=-1))
        attn = self.dropout((einsum('b h i d, b h j d -> b h i j', q, k) * self.scale).softmax(dim=-1))
        out = einsum('b h i j, b h j d -> b h i d', attn, v)
        return self.to_out(out.transpose(1, 2).reshape(b, n, -1))


class TabTransformer(nn.Module):
    def __init__(self, *, categories, num_continuous, dim, depth, heads, mean_std, dropout=.1):
        super().__init__()
        self.register_buffer('offset', F.pad(torch.tensor(categories), (1, 0)).cumsum(0)[:-1])
        self.register_buffer('cont_mean_std', mean_std)
        self.embeds = nn.Embedding(sum(categories), dim)
        self.layers = nn.Sequential(*[m for _ in range(depth) for m in (
            Residual(PreNorm(dim, Attention(dim, heads, dropout=dropout))), Residual(PreNorm(dim, FeedForward(dim, dropout=dropout))))])
        self.norm = nn.LayerNorm(num_continuous)
        d = dim * len(categories) + num_continuous
        self.mlp = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, cat, cont):
        x = self.layers(self.embeds(cat + self.offset)).flatten(1)
        mean, std = self.cont_mean_std.unbind(dim=-1)
        return self.mlp(torch.cat((x, self.norm((cont - mean) / std)), dim=-1)).squeeze(-1)


def applications(n, seed):
    r = np.random.default_rng(seed)
    sizes = (7, 5, 4, 9, 3, 6)          # purpose, job, housing, region, sex, savings
    cat = np.stack([r.integers(0, s, n) for s in sizes], 1)
    eff = [np.random.default_rng(77 + i).normal(0, .45, s) for i, s in enumerate(sizes)]
    inter = np.random.default_rng(99).normal(0, .5, (7, 5))
    income = r.lognormal(10.4, .5, n)
    amount = r.lognormal(8.8, .8, n)
    months = r.choice([6, 12, 18, 24, 36, 48, 60], n)
    age = r.gamma(9, 4.2, n) + 18
    late = r.poisson(.5, n)
    z = -2.35 + sum(e[cat[:, i]] for i, e in enumerate(eff)) + inter[cat[:, 0], cat[:, 1]] + .6 * (np.log(amount / income) + 1.6) \
        + .012 * (months - 24) + .55 * late - .015 * (age - 45)
    y = r.random(n) < 1 / (1 + np.exp(-z))
    cont = np.stack([np.log(income), np.log(amount), months, age, late], 1)
    return sizes, torch.tensor(cat), torch.tensor(cont, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


if __name__ == '__main__':
    torch.manual_seed(0)
    sizes, cat, cont, y = applications(7000, 1)
    tr, va = slice(0, 5600), slice(5600, None)
    model = TabTransformer(categories=sizes, num_continuous=5, dim=8, depth=2, heads=2,
                           mean_std=torch.stack([cont[tr].mean(0), cont[tr].std(0)], -1))
    opt = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=1e-2)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt, F.binary_cross_entropy_with_logits)
    n_epochs = 6
    for epoch in range(n_epochs):
        model.train()
        tot = 0
        for b in torch.randperm(5600).split(64):
            loss = writer.loss_fn(model(cat[b], cont[b]), y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(b) / 5600
        model.eval()
        with torch.no_grad(), writer.evaluating('val'):
            p = model(cat[va], cont[va])
            vl = writer.loss_fn(p, y[va]).item()
        auc = roc_auc_score(y[va], p)
        print(f'{epoch} train {tot:.4f} val {vl:.4f} auc {auc:.3f}')
    writer.close()
    q = y.mean().item()
    print(f'RESULT train={tot:.4f} val={vl:.4f} auc={auc:.3f} rate={q:.3f} entropy_of_rate={-(q * np.log(q) + (1 - q) * np.log(1 - q)):.4f}')

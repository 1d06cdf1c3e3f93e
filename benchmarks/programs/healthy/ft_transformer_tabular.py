"""FT-Transformer for tabular regression (yandex-research/rtdl-revisiting-models), no weight decay on tokenizer, norms and biases."""
import math
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
N_NUM, CARD = 6, [5, 8, 12]


def flats(n):
    """log rent of flats"""
    num = torch.randn(n, N_NUM)
    cat = torch.stack([torch.randint(c, (n,)) for c in CARD], 1)
    g = torch.Generator().manual_seed(8)
    eff = [torch.randn(c, generator=g) for c in CARD]
    slope = torch.randn(CARD[1], generator=g)
    y = 0.8 * num[:, 0] + slope[cat[:, 1]] * torch.tanh(num[:, 1]) + 0.5 * eff[0][cat[:, 0]] + 0.4 * eff[2][cat[:, 2]]
    y = y + 0.6 * (num[:, 2] > 0).float() * num[:, 3] + 0.5 * torch.randn(n)
    return num, cat, y


class FeatureTokenizer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(N_NUM + 1, d))
        self.bias = nn.Parameter(torch.empty(N_NUM + len(CARD), d))
        self.emb = nn.Embedding(sum(CARD), d)
        self.register_buffer('offsets', torch.tensor([0] + CARD[:-1]).cumsum(0))
        for p in (self.weight, self.bias, self.emb.weight):
            nn.init.kaiming_uniform_(p, a=math.sqrt(5))

    def forward(self, num, cat):
        x = torch.cat([torch.ones(len(num), 1), num], 1)
        x = self.weight[None] * x[:, :, None]
        x = torch.cat([x, self.emb(cat + self.offsets)], 1)
        return x + torch.cat([torch.zeros(1, x.shape[-1]), self.bias])[None]


class Block(nn.Module):
    def __init__(self, d, first):
        super().__init__()
        self.attn = nn.MultiheadAttention(d, 4, dropout=0.1, batch_first=True)
        self.norm0 = nn.Identity() if first else nn.LayerNorm(d)      # prenorm, but not in the first layer
        self.norm1 = nn.LayerNorm(d)
        self.linear0, self.linear1 = nn.Linear(d, 2 * d * 4 // 3 // 2 * 2), nn.Linear(d * 4 // 3, d)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        h = self.norm0(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        a, b = self.linear0(self.norm1(x)).chunk(2, -1)
        return x + self.linear1(self.drop(a * F.relu(b)))             # ReGLU


class FTTransformer(nn.Module):
    def __init__(self, d=24, depth=2):
        super().__init__()
        self.tokenizer = FeatureTokenizer(d)
        self.layers = nn.ModuleList(Block(d, i == 0) for i in range(depth))
        self.last_normalization = nn.LayerNorm(d)
        self.head = nn.Linear(d, 1)

    def forward(self, num, cat):
        x = self.tokenizer(num, cat)
        for l in self.layers:
            x = l(x)
        return self.head(F.relu(self.last_normalization(x[:, 0]))).squeeze(-1)

    def optimization_param_groups(self, wd):
        no = [p for n, p in self.named_parameters() if 'tokenizer' in n or 'norm' in n or n.endswith('bias')]
        ids = {id(p) for p in no}
        return [{'params': [p for p in self.parameters() if id(p) not in ids], 'weight_decay': wd}, {'params': no, 'weight_decay': 0.}]


train, val = flats(10000), flats(3000)
mean, std = train[2].mean(), train[2].std()
Y, V = (train[2] - mean) / std, (val[2] - mean) / std
print('irreducible mse on the standardised target: %.4f' % (0.25 / std ** 2))
model = FTTransformer()
lr, n_epochs, batch_size = 2e-3, 8, 64
optimizer = torch.optim.AdamW(model.optimization_param_groups(1e-5), lr=lr)
n = n_epochs * math.ceil(len(Y) / batch_size)
sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / 50, 0.5 * (1 + math.cos(math.pi * s / n))))
loss_fn = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
for epoch in range(1, n_epochs + 1):
    model.train()
    acc = 0.
    for idx in torch.randperm(len(Y)).split(batch_size):
        optimizer.zero_grad()
        loss = loss_fn(model(train[0][idx], train[1][idx]), Y[idx])
        loss.backward()
        optimizer.step()
        sched.step()
        acc += loss.item() * len(idx) / len(Y)
    model.eval()
    with torch.inference_mode():
        p = model(val[0], val[1])
    print(f'Epoch {epoch:03d} | train mse {acc:.4f} | val mse {((p - V) ** 2).mean():.4f} | val rmse (log rent) {(p - V).square().mean().sqrt() * std:.4f}')
writer.close()

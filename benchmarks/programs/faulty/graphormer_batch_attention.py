import sys, numpy as np, torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(6); np.random.seed(6)
LR = float(sys.argv[3]) if len(sys.argv) > 3 else 2e-3

# ---- toy "molecules": atoms with type, charge; the target depends on charge pairs inside one graph
def graph():
    n = np.random.randint(5, 10)
    typ = np.random.randint(0, 4, n); mix = np.random.dirichlet([.6] * 4); typ = np.random.choice(4, n, p=mix)
    q = np.random.normal(0, .6, n) + np.array([-.6, .2, .5, -.1])[typ]
    deg = np.random.randint(1, 4, n)
    y = 1.2 * np.tanh(q.mean() * 2) + .8 * np.log1p(np.exp(2 * (q[:, None] * q[None] * (typ[:, None] != typ[None])).mean() * 3)) + .9 * np.abs(q - q.mean()).mean() + np.random.normal(0, .1)
    x = np.concatenate([np.eye(4)[typ], q[:, None], deg[:, None] / 3.], 1)
    return torch.tensor(x, dtype=torch.float32), y

def collate(gs):
    x = torch.cat([g[0] for g in gs]); ptr = [0]
    for g in gs: ptr.append(ptr[-1] + len(g[0]))
    return x, ptr, torch.tensor([g[1] for g in gs], dtype=torch.float32)

class GraphormerAttentionHead(nn.Module):
    def __init__(self, dim, dk):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(dim, dk), nn.Linear(dim, dk), nn.Linear(dim, dk)
    def forward(self, x, ptr):
        a = self.q(x) @ self.k(x).t() / self.q.out_features ** .5
        if sys.argv[1] == "faulty":
            softmax = torch.softmax(a, dim=-1)
        else:
            batch_mask_neg_inf = torch.full_like(a, -1e6)
            for i in range(len(ptr) - 1):
                batch_mask_neg_inf[ptr[i]:ptr[i + 1], ptr[i]:ptr[i + 1]] = 0
            softmax = torch.softmax(a + batch_mask_neg_inf, dim=-1)
        return softmax @ self.v(x)

class Layer(nn.Module):
    def __init__(self, d, heads=2):
        super().__init__()
        self.heads = nn.ModuleList([GraphormerAttentionHead(d, d // heads) for _ in range(heads)])
        self.lin = nn.Linear(d, d); self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, d * 2), nn.GELU(), nn.Linear(d * 2, d))
    def forward(self, x, ptr):
        z = self.ln1(x)
        x = x + self.lin(torch.cat([h(z, ptr) for h in self.heads], -1))
        return x + self.ff(self.ln2(x))

class Graphormer(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.inp = nn.Linear(6, d); self.layers = nn.ModuleList([Layer(d) for _ in range(2)]); self.out = nn.Linear(d, 1)
    def forward(self, x, ptr):
        h = self.inp(x)
        for l in self.layers: h = l(h, ptr)
        cls = h[torch.tensor(ptr[:-1])]        # the first node stands for the graph
        return self.out(cls).squeeze(-1)

train = [graph() for _ in range(4000)]; val = [graph() for _ in range(640)]
model = Graphormer(); opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-2)
ITERS = 5 * (len(train) // 40); sch = torch.optim.lr_scheduler.OneCycleLR(opt, LR, total_steps=ITERS, pct_start=.15)
loss_fn = nn.MSELoss(); writer = DiagWriter(sys.argv[2]); writer.watch(model, opt, loss_fn)
for ep in range(5):
    model.train(); perm = np.random.permutation(len(train)); t = []
    for i in range(0, len(train), 40):
        x, ptr, y = collate([train[j] for j in perm[i:i + 40]])
        loss = loss_fn(model(x, ptr), y); opt.zero_grad(); loss.backward(); opt.step(); sch.step(); t.append(loss.item())
    model.eval(); v = []
    with torch.no_grad(), writer.evaluating("val"):
        for i in range(0, len(val), 64):
            x, ptr, y = collate(val[i:i + 64]); v.append(loss_fn(model(x, ptr), y).item())
    print(f"epoch {ep}: train {np.mean(t):.4f}, val {np.mean(v):.4f}")
writer.close(); print(f"RESULT train_mse {np.mean(t):.4f} val_mse {np.mean(v):.4f} var_y {np.var([g[1] for g in val]):.4f}")

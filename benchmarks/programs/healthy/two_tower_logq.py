# Two-tower retrieval with in-batch softmax and logQ correction (TF recommenders basic_retrieval, moved to torch).
# One pass over the interactions per "day", in-batch candidates, so the loss lives near log(batch_size).
import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
N_USER, N_ITEM, DIM_TRUE, BATCH = 3000, 800, 6, 256

# world: users and items with side features; popularity is zipf
u_true, i_true = torch.randn(N_USER, DIM_TRUE), torch.randn(N_ITEM, DIM_TRUE)
pop = -0.8 * torch.log(torch.arange(1, N_ITEM + 1).float())[torch.randperm(N_ITEM)]
probs = F.softmax(1.1 * u_true @ i_true.t() + pop, 1)
user_feat = u_true @ torch.randn(DIM_TRUE, 12) / DIM_TRUE ** 0.5 + 0.3 * torch.randn(N_USER, 12)
item_feat = i_true @ torch.randn(DIM_TRUE, 12) / DIM_TRUE ** 0.5 + 0.3 * torch.randn(N_ITEM, 12)


def log_day(n):
    u = torch.randint(N_USER, (n,))
    return u, probs[u].multinomial(1).squeeze(1)


train_u, train_i = log_day(250_000)
test_u, test_i = log_day(10_000)
logq = torch.log((torch.bincount(train_i, minlength=N_ITEM).float() + 1) / len(train_i))


class Tower(nn.Module):
    def __init__(self, n_ids, n_feat, dim=32):
        super().__init__()
        self.ids = nn.Embedding(n_ids, 16)
        nn.init.normal_(self.ids.weight, std=0.05)
        self.mlp = nn.Sequential(nn.Linear(16 + n_feat, 64), nn.ReLU(), nn.Linear(64, dim))

    def forward(self, idx, feat):
        return F.normalize(self.mlp(torch.cat([self.ids(idx), feat[idx]], 1)), dim=1)


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = Tower(N_USER, 12), Tower(N_ITEM, 12)
        self.log_temp = nn.Parameter(torch.tensor(math.log(1 / 0.2)))

    def forward(self, u, i):
        s = self.user(u, user_feat) @ self.item(i, item_feat).t() * self.log_temp.exp()
        s = s - logq[i]                                                    # sampling-bias correction
        dup = (i[None] == i[:, None]) & ~torch.eye(len(i), dtype=torch.bool)
        return s.masked_fill(dup, -1e9)                                     # accidental hits


model = TwoTower()
opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
steps = len(train_u) // BATCH * 2
sch = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 100) * (1 - s / steps) + 1e-3)
xent = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, xent)


@torch.no_grad()
def evaluate():
    model.eval()
    l = [F.cross_entropy(model(u, i), torch.arange(len(u))).item() for u, i in zip(test_u.split(BATCH)[:-1], test_i.split(BATCH)[:-1])]
    items = model.item(torch.arange(N_ITEM), item_feat)
    full = model.user(test_u, user_feat) @ items.t() * model.log_temp.exp()   # corrected scores are full-softmax logits up to a constant
    top = (full.topk(50, 1).indices == test_i[:, None]).any(1).float().mean().item()
    model.train()
    return sum(l) / len(l), top


step = 0
for day in range(2):
    perm = torch.randperm(len(train_u))
    for b in perm[:len(perm) // BATCH * BATCH].split(BATCH):
        logits = model(train_u[b], train_i[b])
        loss = xent(logits, torch.arange(BATCH))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        sch.step()
        step += 1
        if step % 150 == 0 or step == steps:
            v, r = evaluate()
            print(f"step {step}/{steps}  loss {loss.item():.4f}  temp {1 / model.log_temp.exp().item():.3f}  val {v:.4f} (chance {math.log(BATCH):.2f})  recall@50 {r:.4f}")
writer.close()

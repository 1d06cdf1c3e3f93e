"""Decision transformer on logged decisions of a spare-part store (offline RL as sequence modelling).

Behaviour data come from three storekeepers of differing skill, so the actions are far from predictable: cross-entropy of
5 order sizes falls from ln 5 = 1.61 to a bit above 1. Conditioned on a high return the policy orders better than the average keeper.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)
T, A, CTX = 20, 5, 8


class Store:
    """state: stock, on order, season; action: order 0..4; holding cost, stock-out cost, fixed order cost"""

    def reset(self):
        self.t, self.stock, self.pipe = 0, 3, 0
        return self.obs()

    def obs(self):
        return np.array([self.stock / 5, self.pipe / 5, np.sin(self.t / T * 2 * np.pi), np.cos(self.t / T * 2 * np.pi)], np.float32)

    def step(self, a):
        self.stock += self.pipe
        self.pipe = a
        d = rng.poisson(1.5 + np.sin(self.t / T * 2 * np.pi))
        short = max(0, d - self.stock)
        self.stock = min(10, max(0, self.stock - d))
        self.t += 1
        return self.obs(), -(0.25 * self.stock + 1.5 * short + 0.5 * (a > 0)), self.t >= T


def keeper(kind, o, t):
    pos = o[0] * 5 + o[1] * 5
    if kind == 0:
        return int(rng.integers(A))
    if kind == 1:
        return int(np.clip(round(2 + rng.normal()), 0, 4))
    target = 5 + 1.5 * np.sin((t + 1) / T * 2 * np.pi)
    return int(np.clip(round(target - pos + 0.7 * rng.normal()), 0, 4))


def rollout(policy):
    env, traj = Store(), []
    o, done = env.reset(), False
    while not done:
        a = policy(o, env.t, traj)
        o2, r, done = env.step(a)
        traj.append((o, a, r))
        o = o2
    return traj


def collect(n):
    S, Ac, R = np.zeros((n, T, 4), np.float32), np.zeros((n, T), np.int64), np.zeros((n, T), np.float32)
    for i in range(n):
        k = rng.choice(3, p=[.25, .4, .35])
        for t, (o, a, r) in enumerate(rollout(lambda o, t, _: keeper(k, o, t))):
            S[i, t], Ac[i, t], R[i, t] = o, a, r
    rtg = R[:, ::-1].cumsum(1)[:, ::-1].copy()
    return torch.tensor(S), torch.tensor(Ac), torch.tensor(rtg / 20)


class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d), nn.Dropout(0.1))
        self.h = h

    def forward(self, x):
        B, L, D = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(B, L, 3, self.h, D // self.h).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(a.transpose(1, 2).reshape(B, L, D))
        return x + self.mlp(self.ln2(x))


class DecisionTransformer(nn.Module):
    def __init__(self, d=32, layers=2, heads=2):
        super().__init__()
        self.embed_timestep = nn.Embedding(T, d)
        self.embed_return, self.embed_state, self.embed_action = nn.Linear(1, d), nn.Linear(4, d), nn.Embedding(A, d)
        self.embed_ln = nn.LayerNorm(d)
        self.blocks = nn.Sequential(*[Block(d, heads) for _ in range(layers)])
        self.predict_action = nn.Linear(d, A)

    def forward(self, rtg, s, a, t):
        te = self.embed_timestep(t)
        tok = torch.stack([self.embed_return(rtg[..., None]) + te, self.embed_state(s) + te, self.embed_action(a) + te], 2)
        x = self.blocks(self.embed_ln(tok.flatten(1, 2)))
        return self.predict_action(x[:, 1::3])                # from the state tokens


def get_batch(data, B):
    S, Ac, G = data
    i = torch.randint(len(S), (B, 1)); t0 = torch.randint(T - CTX + 1, (B, 1))
    t = t0 + torch.arange(CTX)
    return G[i, t], S[i, t], Ac[i, t], t


train_data, val_data = collect(1500), collect(300)
model = DecisionTransformer()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
warmup, STEPS = 60, 500
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / warmup, 1) * (1 - s / STEPS) ** 0.5)


def action_loss(logits, a):
    return F.cross_entropy(logits.reshape(-1, A), a.reshape(-1))


writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, action_loss)
for step in range(STEPS):
    model.train()
    rtg, s, a, t = get_batch(train_data, 64)
    loss = writer.loss_fn(model(rtg, s, a, t), a)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), .25)
    optimizer.step()
    scheduler.step()
    if step % 100 == 99:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            vl = np.mean([writer.loss_fn(model(*b), b[2]).item() for b in (get_batch(val_data, 256) for _ in range(5))])
        print(f"step {step+1} train {loss.item():.4f} val {vl:.4f}")


@torch.no_grad()
def dt_policy(target):
    def act(o, t, traj):
        k = traj[-(CTX - 1):]
        ts = torch.arange(t - len(k), t + 1)[None]
        spent = np.cumsum([0.] + [r for _, _, r in traj])[-(len(k) + 1):]
        s = torch.tensor(np.array([x[0] for x in k] + [o]))[None]
        a = torch.tensor([x[1] for x in k] + [0])[None]
        g = torch.tensor((target - spent) / 20, dtype=torch.float32)[None]
        return int(model(g, s, a, ts)[0, -1].argmax())
    return act


model.eval()
with torch.no_grad():
    ret = np.mean([sum(x[2] for x in rollout(dt_policy(-25.))) for _ in range(40)])
avg = (val_data[2][:, 0] * 20).mean().item()
writer.close()
print(f"RESULT val_loss={vl:.4f} dt_return={ret:.2f} average_keeper={avg:.2f}")

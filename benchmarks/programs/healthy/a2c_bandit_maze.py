"""Advantage actor-critic in a small corridor with a key: rewards, entropy bonus, shared body."""
import sys
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0); np.random.seed(0)
LR = 3e-3
N, B = 7, 16


class VecCorridor:
    def __init__(self):
        self.pos = np.full(B, N // 2); self.key = np.zeros(B, bool); self.t = np.zeros(B, int)

    def obs(self):
        o = np.zeros((B, 2 * N), np.float32); o[np.arange(B), self.pos + N * self.key] = 1
        return torch.from_numpy(o)

    def step(self, a):
        self.pos = np.clip(self.pos + 2 * a - 1, 0, N - 1); self.t += 1
        self.key |= self.pos == 0
        win = (self.pos == N - 1) & self.key
        r = np.where(win, 1.0, -.01).astype(np.float32); d = win | (self.t >= 40)
        self.pos[d], self.key[d], self.t[d] = N // 2, False, 0
        return torch.from_numpy(r), torch.from_numpy(d.astype(np.float32)), win.sum(), d.sum()


class AC(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.pi, self.v = nn.Linear(2 * N, 48), nn.Linear(48, 2), nn.Linear(48, 1)

    def forward(self, x):
        h = torch.tanh(self.body(x))
        return self.pi(h), self.v(h).squeeze(-1)


env, net = VecCorridor(), AC()
opt = torch.optim.Adam(net.parameters(), lr=LR)
w = DiagWriter(sys.argv[1]); w.watch(net, opt)
wins, ends = [], []
for it in range(1000):
    lps, vs, rs, ds, ents = [], [], [], [], []
    for _ in range(8):
        logits, v = net(env.obs())
        dist = torch.distributions.Categorical(logits=logits); a = dist.sample()
        r, d, k, n = env.step(a.numpy())
        lps.append(dist.log_prob(a)); ents.append(dist.entropy()); vs.append(v); rs.append(r); ds.append(d); wins.append(k); ends.append(n)
    with torch.no_grad():
        R = net(env.obs())[1]
    rets = []
    for r, d in zip(reversed(rs), reversed(ds)):
        R = r + .97 * (1 - d) * R; rets.append(R)
    rets = torch.stack(rets[::-1]); vs = torch.stack(vs); adv = rets - vs
    loss = -(torch.stack(lps) * adv.detach()).mean() + .5 * adv.pow(2).mean() - .01 * torch.stack(ents).mean()
    w.add_loss("train", loss)
    opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), .5); opt.step()
print(f"loss {loss.item():.4f} win rate first 100 its {sum(wins[:800])/sum(ends[:800]):.3f} last 100 {sum(wins[-800:])/sum(ends[-800:]):.3f} episodes/100it {sum(ends[-800:])}")
w.close()

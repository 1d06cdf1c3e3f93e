import sys
import torch, torch.nn as nn
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter
# PPO on a stochastic grid world, 64 copies stepped together
torch.set_num_threads(1); torch.manual_seed(9)
lr = float(sys.argv[3]) if len(sys.argv) > 3 else 3e-3
N, HORIZON, GAMMA, LAM, SIZE = 64, 32, .95, .95, 5

class GridWorld:
    def __init__(self):
        self.pos = torch.randint(SIZE, (N, 2)); self.goal = torch.randint(SIZE, (N, 2)); self.t = torch.zeros(N)
    def obs(self):
        return torch.cat([self.pos / 2. - 1, self.goal / 2. - 1, (self.goal - self.pos) / 2.], 1)
    def step(self, a):
        slip = torch.rand(N) < .1; a = torch.where(slip, torch.randint(4, (N,)), a)
        d = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])[a]
        self.pos = (self.pos + d).clamp(0, SIZE - 1); self.t += 1
        hit = (self.pos == self.goal).all(1); done = hit | (self.t >= 25)
        r = torch.where(hit, 1., -.05)
        self.pos[done] = torch.randint(SIZE, (int(done.sum()), 2)); self.goal[done] = torch.randint(SIZE, (int(done.sum()), 2)); self.t[done] = 0
        return r, done.float()

def net(o, last):
    m = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, o))
    m[-1].weight.data.mul_(last); return m

class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__(); self.actor, self.critic = net(4, .05), net(1, 1.)

def estimate_advantages(rew, done, val, last):
    adv = torch.zeros(HORIZON, N); g = 0
    for t in reversed(range(HORIZON)):
        nv = last if t == HORIZON - 1 else val[t + 1]
        delta = rew[t] + GAMMA * nv * (1 - done[t]) - val[t]
        g = delta + GAMMA * LAM * (1 - done[t]) * g; adv[t] = g
    ret = (adv + val).reshape(-1, 1); adv = adv.reshape(-1, 1)
    return (adv - adv.mean()) / (adv.std() + 1e-8), ret

env = GridWorld(); ac = ActorCritic(); opt = torch.optim.Adam(ac.parameters(), lr=lr, eps=1e-5); mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2]); writer.watch(ac, opt)
UPD = 60
for it in range(UPD):
    for g in opt.param_groups: g['lr'] = lr * (1 - it / UPD)
    O, A, LP, R, D, V = [], [], [], [], [], []
    with torch.no_grad():
        for _ in range(HORIZON):
            o = env.obs(); p = Categorical(logits=ac.actor(o)); a = p.sample()
            O.append(o); A.append(a); LP.append(p.log_prob(a)); V.append(ac.critic(o).squeeze(1))
            r, d = env.step(a); R.append(r); D.append(d)
        adv, ret = estimate_advantages(torch.stack(R), torch.stack(D), torch.stack(V), ac.critic(env.obs()).squeeze(1))
    O, A, LP = torch.cat(O), torch.cat(A), torch.cat(LP)
    for _ in range(2):
        for ix in torch.randperm(len(O)).split(512):
            p = Categorical(logits=ac.actor(O[ix]))
            ratio = torch.exp(p.log_prob(A[ix]) - LP[ix])
            advantages = adv[ix] if sys.argv[1] == 'faulty' else adv[ix].reshape(-1)
            surr1 = ratio * advantages
            surr2 = torch.clamp(ratio, .8, 1.2) * advantages
            policy_loss = -torch.min(surr1, surr2).mean()
            value_loss = mse(ac.critic(O[ix]), ret[ix])
            loss = policy_loss + .5 * value_loss - .01 * p.entropy().mean()
            opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(ac.parameters(), .5); opt.step()
            writer.add_loss("train", loss)
    mr = torch.stack(R).mean().item()
    if it % 10 == 9: print(f"Iter: {it+1}, step reward: {mr:.4f}, value loss {value_loss.item():.4f}, entropy {p.entropy().mean():.3f}")
writer.close()
print(f"RESULT mean_step_reward {mr:.4f} entropy {p.entropy().mean():.3f} value_loss {value_loss.item():.4f}")

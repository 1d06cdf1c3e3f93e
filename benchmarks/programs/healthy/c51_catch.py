# C51 (distributional DQN, Bellemare 2017) on Catch, after CleanRL's c51.py
import random, sys, time
from dataclasses import dataclass
import numpy as np, torch, torch.nn as nn, torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

@dataclass
class Args:
    seed: int = 1
    total_timesteps: int = 9000
    learning_rate: float = 1e-3
    n_atoms: int = 31
    v_min: float = -1.5
    v_max: float = 1.5
    buffer_size: int = 5000
    gamma: float = 0.97
    target_network_frequency: int = 200
    batch_size: int = 64
    start_e: float = 1
    end_e: float = 0.05
    exploration_fraction: float = 0.5
    learning_starts: int = 500
    train_frequency: int = 4

class Catch:
    R, C = 8, 6
    def reset(self):
        self.ball, self.pad = [0, random.randrange(self.C)], self.C // 2
        return self.obs()
    def obs(self):
        o = np.zeros((self.R, self.C), np.float32); o[tuple(self.ball)] = 1; o[-1, self.pad] = 1
        return o.ravel()
    def step(self, a):
        self.pad = min(max(self.pad + a - 1, 0), self.C - 1); self.ball[0] += 1
        done = self.ball[0] == self.R - 1
        return self.obs(), (1. if self.ball[1] == self.pad else -1.) if done else 0., done

class QNetwork(nn.Module):
    def __init__(self, n_obs, n_act, n_atoms, v_min, v_max):
        super().__init__()
        self.n, self.n_atoms = n_act, n_atoms
        self.register_buffer("atoms", torch.linspace(v_min, v_max, n_atoms))
        self.network = nn.Sequential(nn.Linear(n_obs, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, n_act * n_atoms))
    def forward(self, x):
        return self.network(x).view(len(x), self.n, self.n_atoms)
    def get_action(self, x, action=None):
        pmfs = torch.softmax(self(x), dim=2)
        q = (pmfs * self.atoms).sum(2)
        action = q.argmax(1) if action is None else action
        return action, pmfs[torch.arange(len(x)), action], q

args = Args()
random.seed(args.seed); np.random.seed(args.seed); torch.manual_seed(args.seed)
env = Catch()
q_network, target_network = (QNetwork(48, 3, args.n_atoms, args.v_min, args.v_max) for _ in range(2))
target_network.load_state_dict(q_network.state_dict())
optimizer = optim.Adam(q_network.parameters(), lr=args.learning_rate, eps=0.01 / args.batch_size)
writer = DiagWriter(sys.argv[1])
writer.watch(q_network, optimizer)
buf, returns = [], []
obs = env.reset()
for step in range(args.total_timesteps):
    eps = max(args.end_e, args.start_e + (args.end_e - args.start_e) * step / (args.exploration_fraction * args.total_timesteps))
    if random.random() < eps:
        a = random.randrange(3)
    else:
        with torch.no_grad(): a = q_network.get_action(torch.from_numpy(obs)[None])[0].item()
    nxt, r, done = env.step(a)
    buf.append((obs, a, r, nxt, done)); buf = buf[-args.buffer_size:] if len(buf) > 2 * args.buffer_size else buf
    obs = env.reset() if done else nxt
    if done: returns.append(r)
    if step > args.learning_starts and step % args.train_frequency == 0:
        o, ac, rw, no, dn = (torch.as_tensor(np.array(z)) for z in zip(*random.sample(buf[-args.buffer_size:], args.batch_size)))
        with torch.no_grad():
            _, next_pmfs, _ = target_network.get_action(no)
            next_atoms = rw.float()[:, None] + args.gamma * target_network.atoms * (1 - dn.float()[:, None])
            dz = target_network.atoms[1] - target_network.atoms[0]
            b = (next_atoms.clamp(args.v_min, args.v_max) - args.v_min) / dz
            l, u = b.floor().clamp(0, args.n_atoms - 1), b.ceil().clamp(0, args.n_atoms - 1)
            d_l, d_u = (u + (l == u).float() - b) * next_pmfs, (b - l) * next_pmfs
            target_pmfs = torch.zeros_like(next_pmfs).scatter_add_(1, l.long(), d_l).scatter_add_(1, u.long(), d_u)
        _, old_pmfs, _ = q_network.get_action(o, ac)
        loss = (-(target_pmfs * old_pmfs.clamp(min=1e-5, max=1 - 1e-5).log()).sum(-1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if step % args.target_network_frequency == 0:
        target_network.load_state_dict(q_network.state_dict())
    if step % 1500 == 1499:
        print(step + 1, f"return {np.mean(returns[-100:]):.2f} eps {eps:.2f} loss {loss.item():.3f}")
        writer.add_scalar("charts/episodic_return", np.mean(returns[-100:]), step)
writer.close()
print(f"RESULT return of the last 100 episodes {np.mean(returns[-100:]):.2f} loss {loss.item():.3f} episodes {len(returns)}")

import argparse, math, random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter


def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("logdir")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--total-timesteps", type=int, default=14000)
    p.add_argument("--learning-rate", type=float, default=1e-3)
    p.add_argument("--buffer-size", type=int, default=10000)
    p.add_argument("--gamma", type=float, default=0.99)
    p.add_argument("--target-network-frequency", type=int, default=250)
    p.add_argument("--batch-size", type=int, default=128)
    p.add_argument("--end-e", type=float, default=0.05)
    p.add_argument("--exploration-fraction", type=float, default=0.4)
    p.add_argument("--learning-starts", type=int, default=1000)
    p.add_argument("--train-frequency", type=int, default=6)
    return p.parse_args()


class CartPole:
    def __init__(self, rs):
        self.rs = rs

    def reset(self):
        self.s, self.t = self.rs.uniform(-.05, .05, 4), 0
        return self.s

    def step(self, a):
        x, xd, th, thd = self.s
        f, c, s = (10. if a else -10.), math.cos(self.s[2]), math.sin(self.s[2])
        tmp = (f + .05 * thd ** 2 * s) / 1.1
        ta = (9.8 * s - c * tmp) / (.5 * (4 / 3 - .1 * c ** 2 / 1.1))
        xa = tmp - .05 * ta * c / 1.1
        self.s = np.array([x + .02 * xd, xd + .02 * xa, th + .02 * thd, thd + .02 * ta])
        self.t += 1
        term = abs(self.s[0]) > 2.4 or abs(self.s[2]) > .2095
        return self.s, 1.0, term, self.t >= 200


class QNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor([1., 1., 6., 1.]))
        self.network = nn.Sequential(nn.Linear(4, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 2))

    def forward(self, x):
        return self.network(x * self.scale)


if __name__ == "__main__":
    args = parse_args()
    random.seed(args.seed); np.random.seed(args.seed); torch.manual_seed(args.seed); torch.set_num_threads(1)
    env = CartPole(np.random.RandomState(args.seed))
    q_network, target_network = QNetwork(), QNetwork()
    target_network.load_state_dict(q_network.state_dict())
    optimizer = optim.Adam(q_network.parameters(), lr=args.learning_rate)
    writer = DiagWriter(args.logdir)
    writer.watch(q_network, optimizer)
    B = args.buffer_size
    S, S2, A, R, D = torch.zeros(B, 4), torch.zeros(B, 4), torch.zeros(B, 1, dtype=torch.long), torch.zeros(B), torch.zeros(B)
    obs, ret, returns, td, updates = env.reset(), 0, [], [], 0
    for step in range(args.total_timesteps):
        eps = max(1 + (args.end_e - 1) * step / (args.exploration_fraction * args.total_timesteps), args.end_e)
        if random.random() < eps:
            a = random.randrange(2)
        else:
            with torch.no_grad():
                a = int(q_network(torch.tensor(obs, dtype=torch.float32)).argmax())
        nobs, r, term, trunc = env.step(a)
        k = step % B
        S[k], S2[k], A[k], R[k], D[k] = torch.tensor(obs), torch.tensor(nobs), a, r, float(term)
        ret += r
        obs = nobs
        if term or trunc:
            returns.append(ret)
            obs, ret = env.reset(), 0
        if step > args.learning_starts and step % args.train_frequency < 1:
            for _ in range(1):
                i = torch.randint(0, min(step, B), (args.batch_size,))
                with torch.no_grad():
                    target = R[i] + args.gamma * target_network(S2[i]).max(1).values * (1 - D[i])
                loss = F.mse_loss(q_network(S[i]).gather(1, A[i]).squeeze(), target)
                writer.add_loss("train", loss)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                td.append(loss.item()); updates += 1
        if step > args.learning_starts and step % args.target_network_frequency == 0:
            target_network.load_state_dict(q_network.state_dict())
        if step % 2000 == 1999 and td:
            print(f"global_step={step + 1} updates={updates} td_loss={np.mean(td[-100:]):.4f} return={np.mean(returns[-10:]):.1f} q={q_network(S[i]).mean().item():.2f}")
    writer.close()

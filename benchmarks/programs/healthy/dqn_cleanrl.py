"""CleanRL's dqn.py on CartPole (fewer steps; frequent target updates)."""
import random
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter
from cartpole_env import CartPole


class Args:
    seed = 1
    total_timesteps = 30000
    learning_rate = 1e-3
    buffer_size = 10000
    gamma = 0.99
    tau = 1.0
    target_network_frequency = 250
    batch_size = 128
    start_e, end_e, exploration_fraction = 1, 0.05, 0.3
    learning_starts = 2000
    train_frequency = 8


class QNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(4, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 2))

    def forward(self, x):
        return self.network(x)


def linear_schedule(start_e, end_e, duration, t):
    return max((end_e - start_e) / duration * t + start_e, end_e)


if __name__ == "__main__":
    args = Args()
    torch.set_num_threads(1)
    random.seed(args.seed); np.random.seed(args.seed); torch.manual_seed(args.seed)
    env = CartPole(args.seed)
    q_network = QNetwork()
    optimizer = optim.Adam(q_network.parameters(), lr=args.learning_rate)
    target_network = QNetwork()
    target_network.load_state_dict(q_network.state_dict())
    writer = DiagWriter(sys.argv[1])
    writer.watch(q_network, optimizer)
    O = np.zeros((args.buffer_size, 4), np.float32); N = np.zeros_like(O)
    A = np.zeros(args.buffer_size, np.int64); R = np.zeros(args.buffer_size, np.float32); D = np.zeros_like(R)
    returns, ret, size = [], 0, 0
    obs = env.reset()
    for global_step in range(args.total_timesteps):
        epsilon = linear_schedule(args.start_e, args.end_e, args.exploration_fraction * args.total_timesteps, global_step)
        if random.random() < epsilon:
            action = random.randrange(2)
        else:
            with torch.no_grad():
                action = int(q_network(torch.from_numpy(obs)[None]).argmax())
        next_obs, reward, terminated, truncated = env.step(action)
        ret += reward
        i = global_step % args.buffer_size
        O[i], N[i], A[i], R[i], D[i] = obs, next_obs, action, reward, terminated
        size = min(size + 1, args.buffer_size)
        obs = next_obs
        if terminated or truncated:
            returns.append(ret); writer.add_scalar("charts/episodic_return", ret, global_step)
            ret, obs = 0, env.reset()
        if global_step > args.learning_starts:
            if global_step % args.train_frequency == 0:
                b = np.random.randint(0, size, args.batch_size)
                o, n, a, r, d = (torch.from_numpy(z[b]) for z in (O, N, A, R, D))
                with torch.no_grad():
                    target_max, _ = target_network(n).max(dim=1)
                    td_target = r + args.gamma * target_max * (1 - d)
                old_val = q_network(o).gather(1, a[:, None]).squeeze()
                loss = F.mse_loss(td_target, old_val)
                writer.add_loss("train", loss)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if global_step % args.target_network_frequency == 0:
                for tp, qp in zip(target_network.parameters(), q_network.parameters()):
                    tp.data.copy_(args.tau * qp.data + (1.0 - args.tau) * tp.data)
    print(f"RESULT first 10 returns {np.mean(returns[:10]):.0f}, last 10 {np.mean(returns[-10:]):.0f}, td {loss.item():.3f}")
    writer.close()

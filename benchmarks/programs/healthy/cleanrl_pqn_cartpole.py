# after cleanrl/pqn.py (https://docs.cleanrl.dev/rl-algorithms/pqn/#pqnpy), without gymnasium: CartPole written out below
import random
import sys
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter


@dataclass
class Args:
    seed: int = 1
    total_timesteps: int = 70000
    learning_rate: float = 1e-3
    """the learning rate of the optimizer"""
    num_envs: int = 8
    num_steps: int = 64
    anneal_lr: bool = True
    gamma: float = 0.99
    num_minibatches: int = 4
    update_epochs: int = 4
    max_grad_norm: float = 10.0
    start_e: float = 1
    end_e: float = 0.05
    exploration_fraction: float = 0.4
    q_lambda: float = 0.65


class CartPoleVec:
    def __init__(self, n, rng):
        self.n, self.rng = n, rng
        self.s = rng.uniform(-.05, .05, (n, 4))
        self.t = np.zeros(n, int)

    def step(self, a):
        x, xd, th, thd = self.s.T
        f = np.where(a == 1, 10., -10.)
        c, s = np.cos(th), np.sin(th)
        tmp = (f + .05 * thd ** 2 * s) / 1.1
        tha = (9.8 * s - c * tmp) / (.5 * (4 / 3 - .1 * c ** 2 / 1.1))
        xa = tmp - .05 * tha * c / 1.1
        self.s = np.stack([x + .02 * xd, xd + .02 * xa, th + .02 * thd, thd + .02 * tha], 1)
        self.t += 1
        done = (abs(self.s[:, 0]) > 2.4) | (abs(self.s[:, 2]) > .2095) | (self.t >= 500)
        lengths = self.t[done].copy()
        self.s[done] = self.rng.uniform(-.05, .05, (done.sum(), 4))
        self.t[done] = 0
        return self.s.astype(np.float32), np.ones(self.n, np.float32), done, lengths


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class QNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(
            layer_init(nn.Linear(4, 120)),
            nn.LayerNorm(120),
            nn.ReLU(),
            layer_init(nn.Linear(120, 84)),
            nn.LayerNorm(84),
            nn.ReLU(),
            layer_init(nn.Linear(84, 2)),
        )

    def forward(self, x):
        return self.network(x)


def linear_schedule(start_e: float, end_e: float, duration: int, t: int):
    slope = (end_e - start_e) / duration
    return max(slope * t + start_e, end_e)


if __name__ == "__main__":
    args = Args()
    torch.set_num_threads(1)
    batch_size = args.num_envs * args.num_steps
    minibatch_size = batch_size // args.num_minibatches
    num_iterations = args.total_timesteps // batch_size
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    envs = CartPoleVec(args.num_envs, np.random.default_rng(args.seed))
    q_network = QNetwork()
    optimizer = optim.RAdam(q_network.parameters(), lr=args.learning_rate)
    writer = DiagWriter(sys.argv[1])
    writer.watch(q_network, optimizer)

    obs = torch.zeros((args.num_steps, args.num_envs, 4))
    actions = torch.zeros((args.num_steps, args.num_envs), dtype=torch.long)
    rewards = torch.zeros((args.num_steps, args.num_envs))
    dones = torch.zeros((args.num_steps, args.num_envs))
    values = torch.zeros((args.num_steps, args.num_envs))
    global_step = 0
    returns_log = []
    next_obs = torch.Tensor(envs.s)
    next_done = torch.zeros(args.num_envs)

    for iteration in range(1, num_iterations + 1):
        if args.anneal_lr:
            frac = 1.0 - (iteration - 1.0) / num_iterations
            optimizer.param_groups[0]["lr"] = frac * args.learning_rate
        for step in range(args.num_steps):
            global_step += args.num_envs
            obs[step], dones[step] = next_obs, next_done
            epsilon = linear_schedule(args.start_e, args.end_e, args.exploration_fraction * args.total_timesteps, global_step)
            random_actions = torch.randint(0, 2, (args.num_envs,))
            with torch.no_grad():
                q_values = q_network(next_obs)
                max_actions = torch.argmax(q_values, dim=1)
                values[step] = q_values[torch.arange(args.num_envs), max_actions]
            explore = torch.rand((args.num_envs,)) < epsilon
            action = torch.where(explore, random_actions, max_actions)
            actions[step] = action
            o, reward, done, lengths = envs.step(action.numpy())
            rewards[step] = torch.tensor(reward)
            next_obs, next_done = torch.tensor(o), torch.tensor(done, dtype=torch.float)
            returns_log += lengths.tolist()

        # Compute Q(lambda) targets
        with torch.no_grad():
            returns = torch.zeros_like(rewards)
            for t in reversed(range(args.num_steps)):
                if t == args.num_steps - 1:
                    next_value, _ = torch.max(q_network(next_obs), dim=-1)
                    nextnonterminal = 1.0 - next_done
                    returns[t] = rewards[t] + args.gamma * next_value * nextnonterminal
                else:
                    nextnonterminal = 1.0 - dones[t + 1]
                    next_value = values[t + 1]
                    returns[t] = rewards[t] + args.gamma * (
                        args.q_lambda * returns[t + 1] + (1 - args.q_lambda) * next_value) * nextnonterminal

        b_obs, b_actions, b_returns = obs.reshape(-1, 4), actions.reshape(-1), returns.reshape(-1)
        b_inds = np.arange(batch_size)
        for epoch in range(args.update_epochs):
            np.random.shuffle(b_inds)
            for start in range(0, batch_size, minibatch_size):
                mb_inds = b_inds[start:start + minibatch_size]
                old_val = q_network(b_obs[mb_inds]).gather(1, b_actions[mb_inds].unsqueeze(-1)).squeeze()
                loss = F.mse_loss(b_returns[mb_inds], old_val)
                optimizer.zero_grad()
                loss.backward()
                writer.add_loss("train", loss)
                nn.utils.clip_grad_norm_(q_network.parameters(), args.max_grad_norm)
                optimizer.step()
        if iteration % 15 == 0:
            print(f"step {global_step} td_loss {loss.item():.3f} q {old_val.mean().item():.2f} eps {epsilon:.2f} "
                  f"episodic_return {np.mean(returns_log[-30:]):.1f}")
    writer.close()
    print(f"RESULT td_loss={loss.item():.3f} mean_return_last_30={np.mean(returns_log[-30:]):.1f}")

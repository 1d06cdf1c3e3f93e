"""PPO on cart-pole (CleanRL ppo.py), with a vectorised numpy environment."""
import argparse, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions.categorical import Categorical
from tb_lossdiag import DiagWriter


class CartPoleVec:
    def __init__(self, n, seed):
        self.n, self.rs = n, np.random.RandomState(seed)

    def reset(self):
        self.s, self.t = self.rs.uniform(-0.05, 0.05, (self.n, 4)), np.zeros(self.n, int)
        return self.s.astype(np.float32)

    def step(self, a):
        x, xd, th, thd = self.s.T
        f = np.where(a == 1, 10.0, -10.0)
        c, s = np.cos(th), np.sin(th)
        temp = (f + 0.05 * thd ** 2 * s) / 1.1
        tha = (9.8 * s - c * temp) / (0.5 * (4 / 3 - 0.1 * c ** 2 / 1.1))
        xa = temp - 0.05 * tha * c / 1.1
        self.s = np.stack([x + 0.02 * xd, xd + 0.02 * xa, th + 0.02 * thd, thd + 0.02 * tha], 1)
        self.t += 1
        done = (abs(self.s[:, 0]) > 2.4) | (abs(self.s[:, 2]) > 12 * np.pi / 180) | (self.t >= 500)
        length = self.t[done].copy()
        if done.any():
            self.s[done] = self.rs.uniform(-0.05, 0.05, (done.sum(), 4)); self.t[done] = 0
        return self.s.astype(np.float32), np.ones(self.n, np.float32), done.astype(np.float32), length


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(4, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 1), std=1.0))
        self.actor = nn.Sequential(layer_init(nn.Linear(4, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 2), std=0.01))

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        probs = Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


p = argparse.ArgumentParser()
p.add_argument("logdir")
p.add_argument("--learning-rate", type=float, default=1e-3)
p.add_argument("--total-timesteps", type=int, default=80000)
p.add_argument("--num-envs", type=int, default=8)
p.add_argument("--num-steps", type=int, default=128)
p.add_argument("--gamma", type=float, default=0.99)
p.add_argument("--gae-lambda", type=float, default=0.95)
p.add_argument("--num-minibatches", type=int, default=4)
p.add_argument("--update-epochs", type=int, default=4)
p.add_argument("--clip-coef", type=float, default=0.2)
p.add_argument("--ent-coef", type=float, default=0.01)
p.add_argument("--vf-coef", type=float, default=0.5)
p.add_argument("--clip-vloss", action="store_true")
p.add_argument("--max-grad-norm", type=float, default=0.5)
args = p.parse_args()
batch_size = args.num_envs * args.num_steps
minibatch_size = batch_size // args.num_minibatches
torch.set_num_threads(1)
np.random.seed(1); torch.manual_seed(1)
envs, agent = CartPoleVec(args.num_envs, 1), Agent()
optimizer = optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
writer = DiagWriter(args.logdir)
writer.watch(agent, optimizer)
T, N = args.num_steps, args.num_envs
obs, actions, logprobs = torch.zeros(T, N, 4), torch.zeros(T, N), torch.zeros(T, N)
rewards, dones, values = torch.zeros(T, N), torch.zeros(T, N), torch.zeros(T, N)
next_obs, next_done, episodes = torch.tensor(envs.reset()), torch.zeros(N), []
num_updates = args.total_timesteps // batch_size
for update in range(1, num_updates + 1):
    frac = 1.0 - (update - 1.0) / num_updates
    optimizer.param_groups[0]["lr"] = frac * args.learning_rate
    for step in range(T):
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            action, logprob, _, value = agent.get_action_and_value(next_obs)
            values[step] = value.flatten()
        actions[step], logprobs[step] = action, logprob
        o, r, d, lengths = envs.step(action.numpy())
        rewards[step], next_obs, next_done = torch.tensor(r), torch.tensor(o), torch.tensor(d)
        episodes.extend(lengths.tolist())
    with torch.no_grad():
        next_value = agent.get_value(next_obs).reshape(1, -1)
        advantages, lastgaelam = torch.zeros_like(rewards), 0
        for t in reversed(range(T)):
            nonterm, nv = (1.0 - next_done, next_value) if t == T - 1 else (1.0 - dones[t + 1], values[t + 1])
            delta = rewards[t] + args.gamma * nv * nonterm - values[t]
            advantages[t] = lastgaelam = delta + args.gamma * args.gae_lambda * nonterm * lastgaelam
        returns = advantages + values
    b_obs, b_logprobs, b_actions = obs.reshape(-1, 4), logprobs.reshape(-1), actions.reshape(-1)
    b_advantages, b_returns, b_values = advantages.reshape(-1), returns.reshape(-1), values.reshape(-1)
    for epoch in range(args.update_epochs):
        for mb in np.split(np.random.permutation(batch_size), args.num_minibatches):
            _, newlogprob, entropy, newvalue = agent.get_action_and_value(b_obs[mb], b_actions.long()[mb])
            ratio = (newlogprob - b_logprobs[mb]).exp()
            mb_adv = b_advantages[mb]
            mb_adv = (mb_adv - mb_adv.mean()) / (mb_adv.std() + 1e-8)
            pg_loss = torch.max(-mb_adv * ratio, -mb_adv * torch.clamp(ratio, 1 - args.clip_coef, 1 + args.clip_coef)).mean()
            newvalue = newvalue.view(-1)
            if args.clip_vloss:
                v_clipped = b_values[mb] + torch.clamp(newvalue - b_values[mb], -args.clip_coef, args.clip_coef)
                v_loss = 0.5 * torch.max((newvalue - b_returns[mb]) ** 2, (v_clipped - b_returns[mb]) ** 2).mean()
            else:
                v_loss = 0.5 * ((newvalue - b_returns[mb]) ** 2).mean()
            loss = pg_loss - args.ent_coef * entropy.mean() + v_loss * args.vf_coef
            writer.add_loss("train", loss)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
            optimizer.step()
    if update % 6 == 0:
        print(f"global_step={update * batch_size}, episodic_length(last 20)={np.mean(episodes[-20:]):.1f}, value_loss={v_loss.item():.3f}, policy_loss={pg_loss.item():.4f}, entropy={entropy.mean().item():.3f}")
writer.close()

"""CleanRL's ppo.py on CartPole."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions.categorical import Categorical
from tb_lossdiag import DiagWriter
from cartpole_env import CartPole

total_timesteps, learning_rate, num_envs, num_steps = 50000, 2.5e-4, 4, 128
gamma, gae_lambda, num_minibatches, update_epochs = 0.99, 0.95, 4, 4
clip_coef, ent_coef, vf_coef, max_grad_norm = 0.2, 0.01, 0.5, 0.5


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

    def forward(self, x, action=None):
        probs = Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


if __name__ == "__main__":
    torch.set_num_threads(1)
    np.random.seed(1); torch.manual_seed(1)
    envs = [CartPole(i) for i in range(num_envs)]
    agent = Agent()
    optimizer = optim.Adam(agent.parameters(), lr=learning_rate, eps=1e-5)
    writer = DiagWriter(sys.argv[1])
    writer.watch(agent, optimizer)
    obs = torch.zeros((num_steps, num_envs, 4)); actions = torch.zeros((num_steps, num_envs))
    logprobs = torch.zeros((num_steps, num_envs)); rewards = torch.zeros((num_steps, num_envs))
    dones = torch.zeros((num_steps, num_envs)); values = torch.zeros((num_steps, num_envs))
    next_obs = torch.tensor(np.array([e.reset() for e in envs])); next_done = torch.zeros(num_envs)
    ret, returns = np.zeros(num_envs), []
    batch_size = num_envs * num_steps
    num_iterations = total_timesteps // batch_size
    for iteration in range(1, num_iterations + 1):
        optimizer.param_groups[0]["lr"] = (1.0 - (iteration - 1.0) / num_iterations) * learning_rate
        for step in range(num_steps):
            obs[step], dones[step] = next_obs, next_done
            with torch.no_grad():
                action, logprob, _, value = agent(next_obs)
                values[step] = value.flatten()
            actions[step], logprobs[step] = action, logprob
            nxt, nd = [], []
            for i, e in enumerate(envs):
                o, r, term, trunc = e.step(int(action[i]))
                rewards[step, i] = r; ret[i] += r
                if term or trunc:
                    returns.append(ret[i]); ret[i] = 0; o = e.reset()
                nxt.append(o); nd.append(float(term or trunc))
            next_obs, next_done = torch.tensor(np.array(nxt)), torch.tensor(nd)
        with torch.no_grad():
            next_value = agent.get_value(next_obs).reshape(1, -1)
            advantages = torch.zeros_like(rewards); lastgaelam = 0
            for t in reversed(range(num_steps)):
                nonterm = 1.0 - (next_done if t == num_steps - 1 else dones[t + 1])
                nextv = next_value if t == num_steps - 1 else values[t + 1]
                delta = rewards[t] + gamma * nextv * nonterm - values[t]
                advantages[t] = lastgaelam = delta + gamma * gae_lambda * nonterm * lastgaelam
            rets = advantages + values
        b_obs, b_lp, b_a = obs.reshape(-1, 4), logprobs.reshape(-1), actions.reshape(-1)
        b_adv, b_ret, b_val = advantages.reshape(-1), rets.reshape(-1), values.reshape(-1)
        b_inds = np.arange(batch_size)
        for epoch in range(update_epochs):
            np.random.shuffle(b_inds)
            for start in range(0, batch_size, batch_size // num_minibatches):
                mb = b_inds[start : start + batch_size // num_minibatches]
                _, newlogprob, entropy, newvalue = agent(b_obs[mb], b_a.long()[mb])
                ratio = (newlogprob - b_lp[mb]).exp()
                adv = b_adv[mb]
                adv = (adv - adv.mean()) / (adv.std() + 1e-8)
                pg_loss = torch.max(-adv * ratio, -adv * torch.clamp(ratio, 1 - clip_coef, 1 + clip_coef)).mean()
                newvalue = newvalue.view(-1)
                v_un = (newvalue - b_ret[mb]) ** 2
                v_cl = (b_val[mb] + torch.clamp(newvalue - b_val[mb], -clip_coef, clip_coef) - b_ret[mb]) ** 2
                v_loss = 0.5 * torch.max(v_un, v_cl).mean()
                loss = pg_loss - ent_coef * entropy.mean() + v_loss * vf_coef
                writer.add_loss("train", loss)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), max_grad_norm)
                optimizer.step()
        writer.add_scalar("losses/value_loss", v_loss.item(), iteration)
    print(f"RESULT first 20 returns {np.mean(returns[:20]):.0f}, last 20 {np.mean(returns[-20:]):.0f}")
    writer.close()

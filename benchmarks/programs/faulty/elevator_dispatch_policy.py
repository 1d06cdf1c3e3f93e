"""A2C (advantage actor-critic) for a lift that has to fetch and carry passengers: 7 floors, tiny vectorised simulator.
Config by dataclass as in research repositories."""
import sys
from dataclasses import dataclass
import torch
import torch.nn as nn
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter


@dataclass
class Args:
    n_envs: int = 32
    n_steps: int = 10
    updates: int = 450
    gamma: float = 0.95
    lr: float = 4e-3
    vf_coef: float = 0.5
    ent_coef: float = 0.01


class Lifts:
    """State: lift floor, caller floor, goal floor, carrying. Actions: down, up, doors. +1 pick-up, +2 delivered, -0.05 a move."""
    F = 7

    def __init__(self, n, gen):
        self.n, self.g = n, gen
        self.pos = torch.zeros(n, dtype=torch.long)
        self.new(torch.ones(n, dtype=torch.bool), first=True)

    def new(self, m, first=False):
        call = torch.randint(0, self.F, (self.n,), generator=self.g)
        goal = (call + torch.randint(1, self.F, (self.n,), generator=self.g)) % self.F
        if first:
            self.call, self.goal, self.carry = call, goal, torch.zeros(self.n, dtype=torch.bool)
        else:
            self.call = torch.where(m, call, self.call)
            self.goal = torch.where(m, goal, self.goal)
            self.carry = self.carry & ~m

    def obs(self):
        oh = nn.functional.one_hot
        target = torch.where(self.carry, self.goal, self.call)
        return torch.cat([oh(self.pos, self.F), oh(target, self.F), self.carry[:, None].long()], 1).float()

    def step(self, a):
        r = torch.full((self.n,), -0.05)
        self.pos = (self.pos + (a == 1).long() - (a == 0).long()).clamp(0, self.F - 1)
        door = a == 2
        pick = door & ~self.carry & (self.pos == self.call)
        drop = door & self.carry & (self.pos == self.goal)
        r = r + pick.float() + 2 * drop.float()
        self.carry = self.carry | pick
        self.new(drop)
        return r


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(15, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        self.pi, self.v = nn.Linear(48, 3), nn.Linear(48, 1)

    def forward(self, o):
        h = self.body(o)
        return self.pi(h), self.v(h).squeeze(-1)


def play(net, steps=200):
    env = Lifts(64, torch.Generator().manual_seed(99))
    total = 0.0
    gen = torch.Generator().manual_seed(98)
    with torch.no_grad():
        for _ in range(steps):
            p = net(env.obs())[0].softmax(-1)
            total += env.step(torch.multinomial(p, 1, generator=gen).squeeze(1)).mean().item()
    return total / steps


def main(form, logdir):
    args = Args()
    if form == "faulty":
        args.ent_coef = 1.0
    torch.manual_seed(0)
    torch.set_num_threads(1)
    env = Lifts(args.n_envs, torch.Generator().manual_seed(1))
    net = ActorCritic()
    opt = torch.optim.Adam(net.parameters(), lr=args.lr)
    writer = DiagWriter(logdir)
    writer.watch(net, opt)
    for u in range(args.updates):
        obs, acts, rews = [], [], []
        for _ in range(args.n_steps):
            o = env.obs()
            with torch.no_grad():
                a = Categorical(logits=net(o)[0]).sample()
            obs.append(o); acts.append(a); rews.append(env.step(a))
        with torch.no_grad():
            ret = net(env.obs())[1]
        rets = []
        for r in reversed(rews):
            ret = r + args.gamma * ret
            rets.insert(0, ret)
        logits, v = net(torch.cat(obs))
        ret, act = torch.cat(rets), torch.cat(acts)
        dist = Categorical(logits=logits)
        adv = (ret - v).detach()
        adv = (adv - adv.mean()) / (adv.std() + 1e-8)
        pg = -(adv * dist.log_prob(act)).mean()
        ent = dist.entropy().mean()
        loss = pg + args.vf_coef * (ret - v).pow(2).mean() - args.ent_coef * ent
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        opt.step()
        if u % 50 == 49:
            rew = torch.stack(rews).mean().item()
            writer.add_scalar("rollout/reward", rew, u)
            writer.add_scalar("rollout/entropy", ent.item(), u)
            print(f"update {u + 1} reward/step {rew:.3f} entropy {ent.item():.3f}")
    writer.close()
    print("RESULT reward_per_step", round(play(net), 4))


main(sys.argv[1], sys.argv[2])

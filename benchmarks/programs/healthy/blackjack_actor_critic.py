"""Actor-critic for blackjack (rules of Sutton & Barto, infinite deck): hit or stick, reward -1 / 0 / +1.

The best policy loses about 0.045 per game, a coin-flip policy about 0.39. Batched games, advantage = return - V(s)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Bernoulli
from tb_lossdiag import DiagWriter


class Blackjack:
    def __init__(self, n, rng):
        self.n, self.rng = n, rng

    def card(self, k=None):
        return np.minimum(self.rng.integers(1, 14, size=self.n if k is None else k), 10)

    @staticmethod
    def value(hard, ace):
        soft = ace & (hard + 10 <= 21)
        return hard + 10 * soft, soft

    def reset(self):
        c1, c2, self.up = self.card(), self.card(), self.card()
        self.hard, self.ace = c1 + c2, (c1 == 1) | (c2 == 1)
        self.alive = np.ones(self.n, bool)
        self.reward = np.zeros(self.n)
        return self.obs()

    def obs(self):
        v, soft = self.value(self.hard, self.ace)
        o = np.zeros((self.n, 22 + 11 + 1), np.float32)
        o[np.arange(self.n), np.minimum(v, 21)] = 1
        o[np.arange(self.n), 22 + self.up] = 1
        o[:, -1] = soft
        return torch.from_numpy(o)

    def step(self, hit):
        hit = hit & self.alive
        c = self.card()
        self.hard = self.hard + c * hit
        self.ace = self.ace | (hit & (c == 1))
        bust = hit & (self.hard > 21)
        self.reward[bust] = -1
        stick = self.alive & ~hit
        if stick.any():
            pv, _ = self.value(self.hard, self.ace)
            dh, da = self.up.copy(), self.up == 1
            while True:
                dv, _ = self.value(dh, da)
                need = stick & (dv < 17)
                if not need.any():
                    break
                c = self.card()
                dh = dh + c * need
                da = da | (need & (c == 1))
            win = np.where(dv > 21, 1, np.sign(pv - dv))
            self.reward[stick] = win[stick]
        self.alive = self.alive & hit & ~bust
        return self.obs()


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(34, 48), nn.Tanh())
        self.pi, self.v = nn.Linear(48, 1), nn.Linear(48, 1)

    def forward(self, s):
        h = self.trunk(s)
        return self.pi(h).squeeze(-1), self.v(h).squeeze(-1)


def play(env, net, greedy=False):
    s, S, A, M = env.reset(), [], [], []
    while env.alive.any():
        with torch.no_grad():
            logit, _ = net(s)
        a = logit > 0 if greedy else Bernoulli(logits=logit).sample().bool()
        S.append(s), A.append(a.float()), M.append(torch.from_numpy(env.alive.astype(np.float32)))
        s = env.step(a.numpy())
    R = torch.from_numpy(env.reward.astype(np.float32))
    return torch.stack(S), torch.stack(A), torch.stack(M), R


def main():
    logdir = sys.argv[-1]
    lr = float(sys.argv[1]) if len(sys.argv) > 2 else 4e-3
    torch.set_num_threads(1)
    torch.manual_seed(1)
    env = Blackjack(256, np.random.default_rng(1))
    net = ActorCritic()
    opt = torch.optim.Adam(net.parameters(), lr=lr)
    w = DiagWriter(logdir)
    w.watch(net, opt)
    steps = 1000
    for it in range(steps):
        S, A, M, R = play(env, net)
        logit, v = net(S)
        adv = (R - v).detach()
        dist = Bernoulli(logits=logit)
        pg = -(dist.log_prob(A) * adv * M).sum() / M.sum()
        vf = ((R - v) ** 2 * M).sum() / M.sum()
        ent = (dist.entropy() * M).sum() / M.sum()
        loss = pg + 0.5 * vf - 0.01 * (1 - it / steps) * ent
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        opt.step()
        w.add_scalar("game/return", R.mean().item(), it)
        if it % 200 == 199:
            print(it + 1, f"return {R.mean():.3f} vf {vf:.3f} ent {ent:.3f}")
    w.close()
    big = Blackjack(200000, np.random.default_rng(99))
    R = play(big, net, greedy=True)[3]
    print(f"RESULT greedy_return {R.mean():.4f} best_possible -0.045")


if __name__ == "__main__":
    main()

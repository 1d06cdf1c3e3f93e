"""CS 285 HW1, part 1: behaviour cloning of an expert policy (the expert and the reacher-like task are below)."""
import sys
import itertools
import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class ReplayBuffer:
    def __init__(self):
        self.obs, self.acs = np.zeros((0, 8), np.float32), np.zeros((0, 2), np.float32)

    def add_rollouts(self, paths):
        self.obs = np.concatenate([self.obs] + [p["observation"] for p in paths])
        self.acs = np.concatenate([self.acs] + [p["action"] for p in paths])

    def sample_random_data(self, batch_size):
        i = np.random.randint(0, len(self.obs), batch_size)
        return self.obs[i], self.acs[i]


class TwoLinkArm:
    """joint angles/velocities and a target; torques as actions"""
    def reset(self):
        self.q = np.random.uniform(-1.5, 1.5, 2); self.qd = np.zeros(2)
        r, a = np.random.uniform(.4, 1.8), np.random.uniform(-np.pi, np.pi)
        self.goal = r * np.array([np.cos(a), np.sin(a)])
        return self.obs()

    def tip(self):
        return np.array([np.cos(self.q[0]) + np.cos(self.q.sum()), np.sin(self.q[0]) + np.sin(self.q.sum())])

    def obs(self):
        return np.concatenate([np.cos(np.cumsum(self.q)), np.sin(np.cumsum(self.q)), self.qd * .3, self.goal - self.tip()]).astype(np.float32)

    def step(self, u):
        self.qd = .93 * self.qd + .25 * np.clip(u, -2, 2); self.q = self.q + .1 * self.qd
        return self.obs(), -np.linalg.norm(self.goal - self.tip())


def expert(env):
    s1, c1, s12, c12 = np.sin(env.q[0]), np.cos(env.q[0]), np.sin(env.q.sum()), np.cos(env.q.sum())
    J = np.array([[-s1 - s12, -s12], [c1 + c12, c12]])
    u = 2.2 * J.T @ (env.goal - env.tip()) - .9 * env.qd
    return 1.5 * np.tanh(.7 * u) + np.random.normal(0, .22, 2)       # a human-like expert: not quite deterministic


def sample_trajectory(env, policy, n=40):
    ob, obs, acs, rew = env.reset(), [], [], 0
    for _ in range(n):
        ac = policy(env, ob); obs.append(ob); acs.append(ac)
        ob, r = env.step(ac); rew += r
    return {"observation": np.array(obs, np.float32), "action": np.array(acs, np.float32), "ret": rew}


def build_mlp(input_size, output_size, n_layers, size):
    layers, in_size = [], input_size
    for _ in range(n_layers):
        layers += [nn.Linear(in_size, size), nn.Tanh()]
        in_size = size
    layers.append(nn.Linear(in_size, output_size))
    return nn.Sequential(*layers)


class MLPPolicySL(nn.Module):
    def __init__(self, ac_dim, ob_dim, n_layers, size, learning_rate=5e-3):
        super().__init__()
        self.mean_net = build_mlp(ob_dim, ac_dim, n_layers, size)
        self.logstd = nn.Parameter(torch.zeros(ac_dim))
        self.loss = nn.MSELoss()
        self.optimizer = optim.Adam(itertools.chain([self.logstd], self.mean_net.parameters()), learning_rate)

    def forward(self, observation):
        mean = self.mean_net(observation)
        return torch.distributions.Normal(mean, self.logstd.exp())

    def get_action(self, env, ob):
        with torch.no_grad():
            return self.mean_net(torch.from_numpy(ob)).numpy()

    def update(self, observations, actions):
        dist = self(torch.from_numpy(observations))
        loss = -dist.log_prob(torch.from_numpy(actions)).sum(-1).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss


def main(logdir):
    np.random.seed(1); torch.manual_seed(1)
    env = TwoLinkArm()
    expert_policy = lambda e, ob: expert(e)
    buf, val = ReplayBuffer(), ReplayBuffer()
    buf.add_rollouts([sample_trajectory(env, expert_policy) for _ in range(300)])
    val_paths = [sample_trajectory(env, expert_policy) for _ in range(30)]
    val.add_rollouts(val_paths)
    actor = MLPPolicySL(2, 8, n_layers=2, size=64, learning_rate=4e-3)
    writer = DiagWriter(logdir)
    writer.watch(actor, actor.optimizer)
    for itr in range(2000):
        ob_batch, ac_batch = buf.sample_random_data(100)
        loss = actor.update(ob_batch, ac_batch)
        writer.add_loss("train", loss)
        if (itr + 1) % 200 == 0:
            with torch.no_grad():
                v = -actor(torch.from_numpy(val.obs)).log_prob(torch.from_numpy(val.acs)).sum(-1).mean()
            writer.add_loss("val", v)
            print(f"itr {itr + 1} train {loss.item():.3f} val {v.item():.3f} logstd {actor.logstd.data.numpy()}")
    writer.close()
    eval_ret = np.mean([sample_trajectory(env, actor.get_action)["ret"] for _ in range(30)])
    exp_ret = np.mean([p["ret"] for p in val_paths])
    print(f"RESULT val_nll={v.item():.4f} Eval_AverageReturn={eval_ret:.1f} Expert={exp_ret:.1f}")


if __name__ == "__main__":
    main(sys.argv[1])

"""Dreamer on a small vector-observation task (learn a latent model, train actor and value in imagination), after juliusfrost/dreamer-pytorch."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(1); torch.manual_seed(1)


class PointTask:
    """a puck on a plane pushed by two forces; reward high near the target"""
    def reset(self):
        self.x, self.v, self.g, self.t = np.random.uniform(-1, 1, 2), np.zeros(2), np.random.uniform(-0.8, 0.8, 2), 0
        return self.obs()

    def obs(self):
        return np.r_[self.x, self.v, self.g].astype(np.float32)

    def step(self, a):
        self.v = 0.6 * self.v + 0.25 * np.clip(a, -1, 1)
        self.x = np.clip(self.x + self.v, -1.5, 1.5)
        self.t += 1
        return self.obs(), float(np.exp(-3 * ((self.x - self.g) ** 2).sum())), self.t >= 20


def mlp(i, h, o):
    return nn.Sequential(nn.Linear(i, h), nn.ELU(), nn.Linear(h, h), nn.ELU(), nn.Linear(h, o))


class AgentModel(nn.Module):
    def __init__(self, obs=6, act=2, latent=24, hidden=48):
        super().__init__()
        self.observation_encoder = nn.Sequential(mlp(obs, hidden, latent), nn.Tanh())
        self.observation_decoder = mlp(latent, hidden, obs)
        self.reward_model = nn.Sequential(mlp(latent, hidden, 1), nn.Sigmoid())
        self.transition = nn.Sequential(mlp(latent + act, hidden, latent), nn.Tanh())
        self.action_decoder = mlp(latent, hidden, 2 * act)
        self.value_model = mlp(latent, hidden, 1)

    def policy(self, feat, sample=True):
        mean, std = self.action_decoder(feat).chunk(2, -1)
        noise = torch.randn_like(mean) if sample else torch.zeros_like(mean)
        return torch.tanh(mean + (nn.functional.softplus(std) * 0.5 + 0.05) * noise)


def get_parameters(modules):
    return [p for m in modules for p in m.parameters()]


class FreezeParameters:
    def __init__(self, modules):
        self.params = get_parameters(modules)

    def __enter__(self):
        for p in self.params:
            p.requires_grad = False

    def __exit__(self, *exc):
        for p in self.params:
            p.requires_grad = True


class Dreamer:
    def __init__(self, model, model_lr=2e-3, value_lr=1e-3, actor_lr=1e-3, grad_clip=100.0, discount=0.95, lambda_=0.95, horizon=8):
        self.model, self.grad_clip, self.discount, self.lambda_, self.horizon = model, grad_clip, discount, lambda_, horizon
        self.model_modules = [model.observation_encoder, model.observation_decoder, model.reward_model, model.transition]
        self.actor_modules = [model.action_decoder]
        self.value_modules = [model.value_model]
        self.model_optimizer = torch.optim.Adam(get_parameters(self.model_modules), lr=model_lr)
        self.actor_optimizer = torch.optim.Adam(get_parameters(self.actor_modules), lr=actor_lr)
        if form == "fixed":
            self.value_optimizer = torch.optim.Adam(get_parameters(self.value_modules), lr=value_lr)
        else:
            self.value_optimizer = torch.optim.Adam(get_parameters(self.model_modules), lr=value_lr)
        self.writer = DiagWriter(logdir)
        self.writer.watch(nn.ModuleList(self.model_modules), self.model_optimizer, name="model")
        self.writer.watch(nn.ModuleList(self.actor_modules), self.actor_optimizer, name="actor")
        self.writer.watch(nn.ModuleList(self.value_modules), self.value_optimizer, name="value")

    def optimize(self, obs, act, rew):
        model_loss, actor_loss, value_loss = self.loss(obs, act, rew)
        for n, l in (("model", model_loss), ("actor", actor_loss), ("value", value_loss)):
            self.writer.add_loss(n, l)
        self.model_optimizer.zero_grad()
        model_loss.backward()
        nn.utils.clip_grad_norm_(get_parameters(self.model_modules), self.grad_clip)
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        nn.utils.clip_grad_norm_(get_parameters(self.actor_modules), self.grad_clip)
        self.value_optimizer.zero_grad()
        value_loss.backward()
        nn.utils.clip_grad_norm_(get_parameters(self.value_modules), self.grad_clip)
        self.model_optimizer.step()
        self.actor_optimizer.step()
        self.value_optimizer.step()
        return model_loss.item(), actor_loss.item(), value_loss.item()

    def loss(self, obs, act, rew):
        m = self.model                                    # obs (B, T+1, 6), act (B, T, 2), rew (B, T)
        z = m.observation_encoder(obs[:, 0])
        feats = []
        for t in range(act.shape[1]):
            z = m.transition(torch.cat([z, act[:, t]], -1))
            feats.append(z)
        feats = torch.stack(feats, 1)
        image_loss = ((m.observation_decoder(feats) - obs[:, 1:]) ** 2).sum(-1).mean()
        reward_loss = 10 * ((m.reward_model(feats)[..., 0] - rew) ** 2).mean()
        model_loss = image_loss + reward_loss

        z = feats.detach().reshape(-1, feats.shape[-1])
        imag = []
        with FreezeParameters(self.model_modules + self.value_modules):
            for _ in range(self.horizon):
                z = m.transition(torch.cat([z, m.policy(z)], -1))
                imag.append(z)
            imag = torch.stack(imag)
            imag_reward, value = m.reward_model(imag)[..., 0], m.value_model(imag)[..., 0]
        returns = self.compute_return(imag_reward[:-1], value[:-1], value[-1])
        disc = torch.cumprod(torch.full_like(returns, self.discount), 0) / self.discount
        actor_loss = -torch.mean(disc * returns)
        value_pred = m.value_model(imag[:-1].detach())[..., 0]
        value_loss = 0.5 * torch.mean(disc * (value_pred - returns.detach()) ** 2)
        return model_loss, actor_loss, value_loss

    def compute_return(self, reward, value, bootstrap):
        nxt = torch.cat([value[1:], bootstrap[None]], 0)
        target = reward + self.discount * nxt * (1 - self.lambda_)
        acc, out = bootstrap, []
        for t in reversed(range(reward.shape[0])):
            acc = target[t] + self.discount * self.lambda_ * acc
            out.append(acc)
        return torch.stack(out[::-1])


env, model = PointTask(), AgentModel()
algo = Dreamer(model)
replay = []


def run_episode(explore, greedy=False):
    o, done, O, A, R = env.reset(), False, [], [], []
    O.append(o)
    while not done:
        if explore:
            a = np.random.uniform(-1, 1, 2)
        else:
            with torch.no_grad():
                a = model.policy(model.observation_encoder(torch.tensor(o)[None]), not greedy)[0].numpy()
            if not greedy:
                a = np.clip(a + np.random.normal(0, 0.3, 2), -1, 1)
        o, r, done = env.step(a)
        O.append(o); A.append(a); R.append(r)
    return np.array(O, np.float32), np.array(A, np.float32), np.array(R, np.float32)


replay += [run_episode(True) for _ in range(60)]
for itr in range(14):
    for _ in range(45):
        pick, o, a, r = np.random.randint(len(replay), size=20), [], [], []
        for p in pick:
            s = np.random.randint(0, 13)
            O, A, R = replay[p]
            o.append(O[s:s + 9]); a.append(A[s:s + 8]); r.append(R[s:s + 8])
        losses = algo.optimize(*[torch.tensor(np.array(v)) for v in (o, a, r)])
    new = [run_episode(False) for _ in range(5)]
    replay += new
    print("itr %d model loss %.4f actor loss %.4f value loss %.4f return %.2f" % (itr, *losses, np.mean([e[2].sum() for e in new])))
print("RESULT return of the greedy policy %.2f" % np.mean([run_episode(False, True)[2].sum() for _ in range(40)]))
algo.writer.close()

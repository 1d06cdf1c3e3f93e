"""Pedestrian futures with a small GAN (adversarial part of Social GAN, no pooling)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
OBS, PRED, NOISE = 6, 6, 8


def make_mlp(dim_list, activation='relu', last=True):
    layers = []
    for i, (dim_in, dim_out) in enumerate(zip(dim_list[:-1], dim_list[1:])):
        layers.append(nn.Linear(dim_in, dim_out))
        if i == len(dim_list) - 2 and activation == 'relu' and last:
            layers.append(nn.ReLU())
        else:
            layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers)


def crowd(n, rng):
    """displacements per step; people keep on or bend to one side at the crossing"""
    speed = rng.normal(1.0, .25, (n, 1)).clip(.3)
    bend = rng.choice([-.22, 0, .22], (n, 1), p=[.3, .4, .3]) + .03 * rng.standard_normal((n, 1))
    step = np.arange(OBS + PRED)[None]
    heading = .1 * rng.standard_normal((n, 1)) + bend * np.maximum(step - OBS + 2, 0)
    d = np.stack([speed * np.cos(heading), speed * np.sin(heading)], -1) + .05 * rng.standard_normal((n, OBS + PRED, 2))
    return torch.tensor(d.reshape(n, -1), dtype=torch.float32)


class TrajectoryGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(OBS * 2 + NOISE, 64), nn.LeakyReLU(.2), nn.Linear(64, 64), nn.LeakyReLU(.2), nn.Linear(64, PRED * 2))

    def forward(self, obs):
        return self.net(torch.cat([obs, torch.randn(len(obs), NOISE)], 1))


class TrajectoryDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        act = 'relu' if sys.argv[1] == "faulty" else 'leakyrelu'
        self.encoder = nn.Sequential(nn.Linear((OBS + PRED) * 2, 64), nn.LeakyReLU(.2))
        self.real_classifier = make_mlp([64, 64, 1], activation=act)

    def forward(self, traj):
        return self.real_classifier(self.encoder(traj)).squeeze(1)


def sliced_distance(a, b, rng=torch.Generator().manual_seed(1)):
    p = torch.randn(a.size(1), 100, generator=rng)
    p = p / p.norm(dim=0)
    return ((a @ p).sort(0)[0] - (b @ p).sort(0)[0]).abs().mean().item()


rng = np.random.default_rng(3)
train, val = crowd(6000, rng), crowd(2000, rng)
generator, discriminator = TrajectoryGenerator(), TrajectoryDiscriminator()
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(.5, .99))
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(.5, .99))
g_crit, d_crit = nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(generator, optimizer_g, g_crit, name="generator")
writer.watch(discriminator, optimizer_d, d_crit, name="discriminator")

for it in range(1500):
    real = train[torch.randint(len(train), (64,))]
    obs = real[:, :OBS * 2]
    # discriminator step
    fake = torch.cat([obs, generator(obs).detach()], 1)
    scores = discriminator(torch.cat([real, fake]))
    labels = torch.cat([torch.full((64,), .9), torch.zeros(64)])
    d_loss = d_crit(scores, labels)
    optimizer_d.zero_grad()
    d_loss.backward()
    optimizer_d.step()
    # generator step
    g_loss = g_crit(discriminator(torch.cat([obs, generator(obs)], 1)), torch.ones(64))
    optimizer_g.zero_grad()
    g_loss.backward()
    optimizer_g.step()
    if it % 250 == 249:
        with torch.no_grad():
            sample = torch.cat([val[:, :OBS * 2], generator(val[:, :OBS * 2])], 1)
        print("t = %d  D_data_loss %.3f  G_discriminator_loss %.3f  distance %.4f" % (it + 1, d_loss.item(), g_loss.item(), sliced_distance(sample, val)))
writer.close()
print(f"RESULT D loss {d_loss.item():.3f} G loss {g_loss.item():.3f} distance to real trajectories {sliced_distance(sample, val):.4f}")

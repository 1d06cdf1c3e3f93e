"""Interaction network (Battaglia et al. 2016; ToruOwO/interaction-network-pytorch) that predicts the next velocities of
bodies under gravity, as in the n-body experiments."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)
n_objects, n_relations = 5, 5 * 4


def simulate(n_sim, steps=40, dt=.02):
    m = rng.uniform(.2, 2, (n_sim, n_objects, 1))
    p = rng.uniform(-2, 2, (n_sim, n_objects, 2)); v = rng.normal(0, .6, (n_sim, n_objects, 2))
    X, Y = [], []
    for _ in range(steps):
        for _ in range(5):
            d = p[:, None] - p[:, :, None]
            r2 = (d ** 2).sum(-1, keepdims=True) + .15
            v = v + dt / 5 * 10 * (m[:, None] * d / r2 ** 1.5).sum(2)
            p = p + dt / 5 * v
        if X:
            Y.append(v + rng.normal(0, .06, v.shape))
        X.append(np.concatenate([m, p, v], -1))
    return np.concatenate(X[:-1]).astype(np.float32), np.concatenate(Y).astype(np.float32)


class RelationalModel(nn.Module):
    def __init__(self, input_size, output_size, hidden_size):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(input_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, hidden_size), nn.ReLU(),
                                    nn.Linear(hidden_size, output_size), nn.ReLU())

    def forward(self, x):
        return self.layers(x)


class ObjectModel(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(input_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, 2))

    def forward(self, x):
        return self.layers(x)


class InteractionNetwork(nn.Module):
    def __init__(self, object_dim=5, effect_dim=32):
        super().__init__()
        self.relational_model = RelationalModel(2 * object_dim - 2, effect_dim, 64)
        self.object_model = ObjectModel(object_dim + effect_dim - 2, 64)
        s, r = zip(*[(i, j) for i in range(n_objects) for j in range(n_objects) if i != j])
        self.register_buffer("senders", torch.tensor(s)); self.register_buffer("receivers", torch.tensor(r))

    def forward(self, objects):
        snd, rcv = objects[:, self.senders], objects[:, self.receivers]
        rel = torch.cat([snd[..., 1:3] - rcv[..., 1:3], snd[..., 3:] - rcv[..., 3:], snd[..., :1], rcv[..., :1], snd[..., 1:3] * 0], -1)
        effects = self.relational_model(rel)
        agg = torch.zeros(*objects.shape[:2], effects.shape[-1]).index_add(1, self.receivers, effects)
        return objects[..., 3:] + self.object_model(torch.cat([objects[..., :1], objects[..., 3:], agg], -1))    # change of the velocity


X, Y = simulate(160)
Xv, Yv = simulate(30)
X, Y, Xv, Yv = map(torch.tensor, (X, Y, Xv, Yv))
interaction_network = InteractionNetwork()
optimizer = optim.Adam(interaction_network.parameters(), lr=6e-3)
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, .85)
criterion = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(interaction_network, optimizer, criterion)
for epoch in range(14):
    losses = []
    for idx in torch.randperm(len(X)).split(64):
        predicted = interaction_network(X[idx])
        loss = criterion(predicted, Y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    with torch.no_grad(), writer.evaluating("val"):
        val = criterion(interaction_network(Xv), Yv).item()
    print(f"epoch {epoch} loss {np.mean(losses):.5f} val {val:.5f}")
writer.close()
print(f"RESULT val_mse={val:.5f} no_change={((Xv[..., 3:] - Yv) ** 2).mean():.5f} noise={.06 ** 2:.5f}")

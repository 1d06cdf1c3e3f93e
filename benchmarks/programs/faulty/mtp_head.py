# Trajectory prediction: raster of the road + agent state vector -> modes (x, y) for 6 future steps, after nuscenes' mtp.py
import sys
from typing import Tuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as f

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
ASV_DIM = 3
STEPS = 6


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 16, 32), nn.ReLU())

    def forward(self, image):
        return self.net(image)


class MTP(nn.Module):
    """Implementation of Multiple-Trajectory Prediction"""

    def __init__(self, backbone, num_modes: int = 2, seconds: float = 3, frequency_in_hz: float = 2, n_hidden_layers: int = 128):
        super().__init__()
        self.backbone = backbone
        self.num_modes = num_modes
        predictions_per_mode = int(seconds * frequency_in_hz) * 2
        self.fc1 = nn.Linear(32 + ASV_DIM, n_hidden_layers)
        self.fc2 = nn.Linear(n_hidden_layers, int(num_modes * predictions_per_mode + num_modes))

    def forward(self, image_tensor: torch.Tensor, agent_state_vector: torch.Tensor) -> torch.Tensor:
        backbone_features = self.backbone(image_tensor)
        features = torch.cat([backbone_features, agent_state_vector], dim=1)
        if form == "faulty":
            predictions = self.fc2(self.fc1(features))
        else:
            predictions = self.fc2(f.relu(self.fc1(features)))
        mode_probabilities = predictions[:, -self.num_modes:]
        if not self.training:
            mode_probabilities = f.softmax(mode_probabilities, dim=-1)
        return torch.cat((predictions[:, :-self.num_modes], mode_probabilities), 1)


class MTPLoss:
    """Regression of the best mode plus classification of which mode it was."""

    def __init__(self, num_modes: int, regression_loss_weight: float = 1.):
        self.num_modes, self.w = num_modes, regression_loss_weight

    def split(self, out) -> Tuple[torch.Tensor, torch.Tensor]:
        return out[:, :-self.num_modes].view(len(out), self.num_modes, STEPS, 2), out[:, -self.num_modes:]

    def __call__(self, predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        trajectories, logits = self.split(predictions)
        dist = (trajectories - targets[:, None]).norm(dim=-1).mean(-1)
        best = dist.detach().argmin(1)
        regression = f.smooth_l1_loss(trajectories[torch.arange(len(best)), best], targets)
        return self.w * regression + 0.1 * f.cross_entropy(logits, best)


def scenes(n, seed):
    g = np.random.default_rng(seed)
    v, acc, yaw = g.uniform(0, 12, n), g.uniform(-1.5, 1.5, n), g.uniform(-.7, .7, n)
    fork = g.integers(0, 2, n)                                   # the road in the picture bends left or right
    img = g.normal(0, .15, (n, 1, 16, 16))
    for i in range(n):
        for r in range(16):
            c = int(np.clip(7.5 + (1 if fork[i] else -1) * max(0, 8 - r) * .7, 1, 14))
            img[i, 0, r, c - 1:c + 2] += 1
    t = np.arange(1, STEPS + 1) * .5
    speed = np.clip(v[:, None] + acc[:, None] * t, 0, None)
    heading = yaw[:, None] * t + (fork * 2 - 1)[:, None] * .15 * t
    xy = np.stack([np.cumsum(speed * np.sin(heading) * .5, 1), np.cumsum(speed * np.cos(heading) * .5, 1)], -1) / 10
    asv = np.stack([(v - 6) / 3.5, acc / .87, yaw / .4], 1)
    as_t = lambda a: torch.tensor(a, dtype=torch.float32)
    return as_t(img), as_t(asv), as_t(xy)


train, val = scenes(1600, 0), scenes(400, 1)
model = MTP(Backbone())
loss_function = MTPLoss(model.num_modes)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

for epoch in range(18):
    model.train()
    for idx in torch.randperm(1600).split(32):
        optimizer.zero_grad()
        loss = loss_function(model(train[0][idx], train[1][idx]), train[2][idx])
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        tr, p = loss_function.split(model(val[0], val[1]))
        ade = (tr[torch.arange(400), p.argmax(1)] - val[2]).norm(dim=-1).mean().item() * 10
    if epoch % 6 == 5:
        print(f"Current loss is {loss.item():.4f}   val ADE {ade:.3f} m")
writer.close()

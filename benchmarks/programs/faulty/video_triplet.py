"""Content-similarity embedding of videos: 3 fully connected layers on top of fixed 256-d video features, batch-hard triplet loss."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
rng = np.random.RandomState(0)
MARGIN = 0.5
LR = 0.03 if form == "faulty" else 0.001


def video_features(clusters, per, base_seed):
    r = np.random.RandomState(base_seed)
    basis = np.random.RandomState(5).randn(24, 256)
    centre = r.randn(clusters, 24)
    nuis = np.random.RandomState(6).randn(20, 256)
    z = centre[:, None] + 0.35 * r.randn(clusters, per, 24)
    f = z @ basis + 3 * r.randn(clusters, per, 20) @ nuis
    f = 1 / (1 + np.exp(-f / 6))                      # features lie in 0..1
    return torch.tensor(f).float()


train_x = video_features(300, 8, 1)
test_x = video_features(60, 8, 2)


class Embed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(256, 128)
        self.fc2 = nn.Linear(128, 128)
        self.fc3 = nn.Linear(128, 32)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def pairwise_distances(e):
    d2 = (e.unsqueeze(0) - e.unsqueeze(1)).pow(2).sum(2)
    return torch.sqrt(d2 + 1e-12)


def batch_hard_triplet_loss(labels, e, margin):
    d = pairwise_distances(e)
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    hardest_pos = (d * same).max(1).values
    hardest_neg = (d + 1e6 * same).min(1).values
    return F.relu(hardest_pos - hardest_neg + margin).mean(), d[~same].mean()


def precision_at_1(model):
    with torch.no_grad():
        e = model(test_x.reshape(-1, 256))
        d = pairwise_distances(e) + 1e6 * torch.eye(len(e))
        lab = torch.arange(60).repeat_interleave(8)
        return (lab[d.argmin(1)] == lab).float().mean().item()


model = Embed()
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
print("before training P@1", precision_at_1(model))
for step in range(800):
    c = torch.from_numpy(rng.choice(300, 16, replace=False))
    pick = torch.stack([torch.from_numpy(rng.choice(8, 4, replace=False)) for _ in range(16)])
    x = train_x[c.unsqueeze(1), pick].reshape(-1, 256)
    labels = c.repeat_interleave(4)
    optimizer.zero_grad()
    loss, mean_dist = batch_hard_triplet_loss(labels, model(x), MARGIN)
    writer.add_loss("train", loss)
    loss.backward()
    optimizer.step()
    if step % 160 == 159:
        print(f"step {step + 1}: triplet loss {loss.item():.4f}  mean distance {mean_dist.item():.4f}  P@1 {precision_at_1(model):.3f}")
writer.close()

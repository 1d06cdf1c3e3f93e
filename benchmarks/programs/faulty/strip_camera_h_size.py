"""Behaviour cloning for a line-following cart: a narrow strip camera (3 rows x 40 columns) -> one of 5 steering actions.
Network builder after a games toolkit: visual encoder with h_size units per hidden layer."""
import sys
import numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter

mode, run_path = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(23); rng = np.random.default_rng(23)


class BrainParameters:
    def __init__(self):
        self.camera_resolutions = [{"height": 3, "width": 40, "blackAndWhite": True}]
        self.action_space_size = 5


def render(n):
    """line position, slope and curvature seen in three rows; shadows and glare"""
    pos, slope, curv = rng.uniform(-9, 9, n), rng.normal(0, 3.0, n), rng.normal(0, 1.2, n)
    cols = np.arange(40)
    img = np.zeros((n, 3, 40), np.float32)
    for r in range(3):
        c = 20 + pos + slope * r + curv * r * r
        img[:, r] = np.exp(-((cols[None] - c[:, None]) / 1.6) ** 2)
    img *= rng.uniform(.4, 1., (n, 1, 1))
    g = rng.uniform(0, 40, (n, 1))
    img += (0.5 * np.exp(-((cols[None] - g) / 5) ** 2))[:, None] * rng.integers(0, 2, (n, 1, 1))   # glare
    img += 0.12 * rng.standard_normal(img.shape)
    steer = 0.11 * pos + 0.18 * slope + 0.35 * curv + 0.08 * rng.standard_normal(n)
    return torch.tensor(img, dtype=torch.float32), torch.tensor(np.digitize(steer, [-.75, -.22, .22, .75]))


class LearningModel(nn.Module):
    def __init__(self, brain, h_size=64, num_layers=2):
        super().__init__()
        o_size_h = brain.camera_resolutions[0]["height"]
        o_size_w = brain.camera_resolutions[0]["width"]
        if mode == "faulty":
            h_size, w_size = brain.camera_resolutions[0]["height"], brain.camera_resolutions[0]["width"]
        a_size = brain.action_space_size
        self.visual = self.create_visual_encoder(o_size_h * o_size_w, h_size, num_layers)
        self.policy = nn.Linear(h_size, a_size)

    @staticmethod
    def create_visual_encoder(n_in, h_size, num_layers):
        layers = []
        for _ in range(num_layers):
            layers += [nn.Linear(n_in, h_size), nn.ELU()]
            n_in = h_size
        return nn.Sequential(*layers)

    def forward(self, obs):
        return self.policy(self.visual(obs.flatten(1) * 2 - 0.5))


class ImitationTrainer:
    def __init__(self, model, buffer, demo_test):
        self.model, self.buffer, self.demo_test = model, buffer, demo_test
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3, weight_decay=1e-4)
        self.criterion = nn.CrossEntropyLoss()
        self.writer = DiagWriter(run_path); self.writer.watch(model, self.optimizer, self.criterion)

    def update_model(self, batch_size=64):
        x, y = self.buffer
        perm = torch.randperm(len(x)); ls = []
        for i in range(0, len(x) - batch_size + 1, batch_size):
            b = perm[i:i + batch_size]
            loss = self.criterion(self.model(x[b]), y[b])
            self.optimizer.zero_grad(); loss.backward(); self.optimizer.step()
            ls.append(loss.item())
        return np.mean(ls)

    def test(self):
        x, y = self.demo_test
        with torch.no_grad(), self.writer.evaluating("val"):
            o = self.model(x)
            return self.criterion(o, y).item(), (o.argmax(1) == y).float().mean().item()


trainer = ImitationTrainer(LearningModel(BrainParameters()), render(9600), render(2000))
EPISODES = 20
for ep in range(1, EPISODES + 1):
    for g in trainer.optimizer.param_groups:
        g["lr"] = 1.5e-3 * (1 - (ep - 1) / EPISODES)
    l = trainer.update_model(); v, a = trainer.test()
    if ep % 4 == 0:
        print(f"Step {ep}: cloning loss {l:.4f} demo test {v:.4f} agreement {a:.4f}")
trainer.writer.close()
print(f"RESULT val_loss={v:.4f} val_acc={a:.4f} train={l:.4f}")

# gaze angles from an eye picture and the head pose; LeNet of Zhang et al., angular loss
import sys, numpy as np, torch
from torch import nn, sin, cos
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(42)
rng = np.random.RandomState(42)
faulty = (sys.argv[1] == "faulty")

def eyes(n, h=18, w=30):
    yy, xx = np.mgrid[0:h, 0:w]
    head = rng.uniform(-.35, .35, (n, 2))
    eye = rng.uniform(-.45, .45, (n, 2))                    # eye in head: pitch, yaw
    gaze = head + eye
    img = np.zeros((n, 1, h, w), np.float32)
    for i in range(n):
        cx, cy = w / 2 + rng.randn() * .8, h / 2 + rng.randn() * .6
        skin = rng.uniform(.55, .8)
        im = np.full((h, w), skin)
        sclera = ((xx - cx) / 12) ** 2 + ((yy - cy) / rng.uniform(5.5, 7)) ** 2 < 1
        im[sclera] = skin + .2
        r2 = (xx - cx - 14 * np.sin(eye[i, 1])) ** 2 + (yy - cy + 9 * np.sin(eye[i, 0])) ** 2
        im[(r2 < 14) & sclera] = .3
        im[(r2 < 3) & sclera] = .05
        img[i, 0] = im + rng.randn(h, w) * .03
    img = (img - .65) / .25
    angles = np.c_[np.pi / 2 - gaze[:, 0], gaze[:, 1]]      # theta (from the pole), phi
    return [torch.tensor(a, dtype=torch.float32) for a in (img, head, angles)]

def vec(a):
    return torch.stack([sin(a[:, 0]) * cos(a[:, 1]), sin(a[:, 0]) * sin(a[:, 1]), cos(a[:, 0])], 1)

def angle_loss_fn(y_pred, y_true):
    d = (vec(y_pred) * vec(y_true)).sum(1)
    return torch.acos(d.clamp(-.99999, .99999)).mean()

class GazeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.dense = nn.Linear(32 * 2 * 5, 128)
        self.act = nn.Softmax(dim=1) if faulty else nn.ReLU()
        self.out = nn.Linear(128 + 2, 2)
    def forward(self, img, pose):
        x = self.act(self.dense(self.features(img)))
        return self.out(torch.cat([pose, x], 1))

img, pose, ang = eyes(3600)
tr, va = slice(0, 3000), slice(3000, None)
model = GazeNet()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, angle_loss_fn)
for epoch in range(12):
    model.train()
    tot = 0
    for b in torch.randperm(3000).split(32):
        loss = angle_loss_fn(model(img[tr][b], pose[tr][b]), ang[tr][b])
        opt.zero_grad(); loss.backward(); opt.step()
        tot += loss.item() * len(b)
    model.eval()
    with writer.evaluating("val"):
        val = writer.loss_fn(model(img[va], pose[va]), ang[va]).item()
    print(f"{epoch + 1:3d} train {np.degrees(tot / 3000):.2f} deg   val {np.degrees(val):.2f} deg")
writer.close()
base = angle_loss_fn(ang[tr].mean(0, keepdim=True).expand(600, 2), ang[va]).item()
print(f"RESULT train={tot / 3000:.4f} val={val:.4f} mean_answer={base:.4f}")

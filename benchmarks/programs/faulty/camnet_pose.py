# Relative pose regression from the optical flow between two frames.
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

parser = argparse.ArgumentParser()
parser.add_argument("form", choices=["faulty", "fixed"])
parser.add_argument("logdir")
parser.add_argument("--epochs", type=int, default=15)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=2e-3)
args = parser.parse_args()
torch.manual_seed(11)


def render_flow(n):
    """Instantaneous motion field of a moving camera over a bumpy scene."""
    g = torch.linspace(-1, 1, 16)
    y, x = torch.meshgrid(g, g, indexing="ij")
    t = torch.randn(n, 3)
    w = torch.randn(n, 3)
    inv_depth = F.interpolate(torch.rand(n, 1, 4, 4), size=16, mode="bilinear", align_corners=True)[:, 0] * 0.8 + 0.6
    tx, ty, tz = (t[:, i, None, None] for i in range(3))
    wx, wy, wz = (w[:, i, None, None] for i in range(3))
    u = inv_depth * (-tx + x * tz) + wx * x * y - wy * (1 + x * x) + wz * y
    v = inv_depth * (-ty + y * tz) + wx * (1 + y * y) - wy * x * y - wz * x
    flow = torch.stack([u, v], 1) + 0.1 * torch.randn(n, 2, 16, 16)
    return torch.cat([flow, inv_depth[:, None] - 1.0], 1), t, w


class PoseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2, padding=1), nn.ReLU(True),
            nn.Conv2d(24, 32, 3, stride=2, padding=1), nn.ReLU(True),
            nn.Conv2d(32, 64, 4), nn.ReLU(True))
        self.trans = nn.Conv2d(64, 3, 1)
        self.rot = nn.Conv2d(64, 3, 1)

    def forward(self, x):
        f = self.features(x)
        return self.trans(f), self.rot(f)


data = torch.utils.data.TensorDataset(*render_flow(3000))
valdata = torch.utils.data.TensorDataset(*render_flow(600))
loader = torch.utils.data.DataLoader(data, batch_size=args.batch_size, shuffle=True, drop_last=True)
valloader = torch.utils.data.DataLoader(valdata, batch_size=100)

model = PoseNet()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 6, 0.3)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)


def pose_loss(flow, translation_var, rotation_var):
    trans, rot = model(flow)
    if args.form == "fixed":
        trans, rot = trans.flatten(1), rot.flatten(1)
    loss_t = F.l1_loss(trans, translation_var)
    loss_r = F.l1_loss(rot, rotation_var)
    return loss_t + loss_r


for epoch in range(args.epochs):
    model.train()
    running = 0.0
    for flow, t, w in loader:
        loss = pose_loss(flow, t, w)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    sched.step()
    model.eval()
    with torch.no_grad():
        vloss, err = 0.0, 0.0
        with writer.evaluating("val"):
            for flow, t, w in valloader:
                l = pose_loss(flow, t, w)
                writer.add_loss("val", l)
                vloss += l.item() / len(valloader)
        pt, pr = model(valdata.tensors[0])
        err = (pt.flatten(1) - valdata.tensors[1]).abs().mean() + (pr.flatten(1) - valdata.tensors[2]).abs().mean()
    print("epoch %d  train %.4f  val %.4f  true abs error %.4f" % (epoch, running / len(loader), vloss, err))
writer.close()

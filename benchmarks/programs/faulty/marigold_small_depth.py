import sys
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter


class RoomDepth(Dataset):
    """shaded boxes in a room, and the sensor's depth map"""

    def __init__(self, n, seed, keep_valid_only, size=20, holes=0.06):
        g = torch.Generator().manual_seed(seed)
        self.rgb, self.depth, self.valid = [], [], []
        yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        for _ in range(n):
            d = 6.0 - 3.0 * yy / size + 0.3 * torch.rand(1, generator=g)
            for _ in range(3):
                y, x = torch.randint(0, size - 6, (2,), generator=g).tolist()
                h, w = torch.randint(4, 8, (2,), generator=g).tolist()
                z = 1.5 + 3.0 * torch.rand(1, generator=g).item()
                box = (yy >= y) & (yy < y + h) & (xx >= x) & (xx < x + w)
                d = torch.where(box & (d > z), torch.full_like(d, z), d)
            shade = 1.6 / d
            tint = 0.8 + 0.2 * torch.rand(3, 1, 1, generator=g)
            rgb = tint * shade + 0.03 * torch.randn(3, size, size, generator=g)
            hole = torch.rand(1, generator=g).item() < holes
            depth = d.clone()
            if hole:
                y, x = torch.randint(0, size - 3, (2,), generator=g).tolist()
                depth[y:y + 3, x:x + 3] = float("nan")
            self.rgb.append(rgb)
            self.depth.append((depth[None] - 3.5) / 1.2)
        self.keep_valid_only = keep_valid_only

    def __len__(self):
        return len(self.rgb)

    def __getitem__(self, i):
        depth = self.depth[i]
        valid = torch.isfinite(depth)
        if self.keep_valid_only:
            depth = torch.where(valid, depth, torch.zeros_like(depth))
        return {"rgb": self.rgb[i], "depth": depth, "valid": valid.float()}


class Denoiser(nn.Module):
    def __init__(self, ch=24):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, ch, 3, padding=1), nn.GroupNorm(4, ch), nn.SiLU(),
            nn.Conv2d(ch, ch, 3, padding=2, dilation=2), nn.GroupNorm(4, ch), nn.SiLU(),
            nn.Conv2d(ch, ch, 3, padding=1), nn.GroupNorm(4, ch), nn.SiLU(),
            nn.Conv2d(ch, 1, 1))

    def forward(self, x):
        return self.net(x)


class Trainer:
    def __init__(self, form, logdir):
        self.masked = form == "fixed"
        self.model = Denoiser()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        self.train_loader = DataLoader(RoomDepth(480, 1, self.masked), batch_size=16, shuffle=True)
        self.val_loader = DataLoader(RoomDepth(120, 2, self.masked, holes=0.0), batch_size=60)
        self.test_loader = DataLoader(RoomDepth(200, 3, self.masked, holes=0.0), batch_size=100)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer)

    def loss(self, pred, batch):
        err = (pred - batch["depth"]) ** 2
        if self.masked:
            return (err * batch["valid"]).sum() / batch["valid"].sum()
        return err.mean()

    def evaluate(self, loader):
        self.model.eval()
        with torch.no_grad():
            return torch.stack([self.loss(self.model(b["rgb"]), b) for b in loader]).mean()

    def fit(self, epochs):
        for e in range(epochs):
            self.model.train()
            for b in self.train_loader:
                self.optimizer.zero_grad()
                loss = self.loss(self.model(b["rgb"]), b)
                loss.backward()
                self.optimizer.step()
            v = self.evaluate(self.val_loader)
            self.writer.add_loss("val", v)
            if e % 5 == 4:
                print("epoch %d train %.4f val %.4f" % (e + 1, loss.item(), v.item()))
        t = self.evaluate(self.test_loader).item()
        self.writer.close()
        return t


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(2024)
    mse = Trainer(sys.argv[1], sys.argv[2]).fit(20)
    print("RESULT test_depth_mse %.5f" % mse)

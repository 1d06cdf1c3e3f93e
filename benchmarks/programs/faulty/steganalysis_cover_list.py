# YeNet / Zhu-Net like steganalysis on small grey images: cover or stego? (pairs, one cover and its stego per item)
import os, sys, glob, tempfile
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3); rng = np.random.default_rng(3)
FORM = sys.argv[1]

def make_folder(root, n):
    """BOSSbase replaced by smooth random pictures; stego = LSB-like +-1 changes (payload high, small pictures)"""
    os.makedirs(root + "/cover"); os.makedirs(root + "/stego")
    for i in range(n):
        z = rng.normal(size=(5, 5))
        im = np.kron(z, np.ones((8, 8)))[4:36, 4:36]
        for _ in range(2):
            im = (im + np.roll(im, 1, 0) + np.roll(im, 1, 1) + np.roll(im, -1, 0) + np.roll(im, -1, 1)) / 5
        im = 128 + 35 * im + rng.normal(0, 0.6, im.shape)
        im = np.clip(np.round(im), 1, 254)
        change = (rng.random(im.shape) < 0.4) * rng.choice([-1, 1], im.shape)
        np.save(f"{root}/cover/{i + 1}.npy", im.astype(np.uint8))
        np.save(f"{root}/stego/{i + 1}.npy", (im + change).astype(np.uint8))

class DatasetPair(Dataset):
    def __init__(self, cover_dir, stego_dir):
        self.cover_dir, self.stego_dir = cover_dir, stego_dir
        if FORM == "faulty":
            self.cover_list = [x.split('\\')[-1] for x in glob.glob(cover_dir + '/*')]
        else:
            self.cover_list = [x.split(os.sep)[-1] for x in glob.glob(cover_dir + '/*')]

    def __len__(self):
        return len(self.cover_list)

    def __getitem__(self, i):
        cover = np.load(os.path.join(self.cover_dir, self.cover_list[i])).astype(np.float32)
        stego = np.load(os.path.join(self.stego_dir, self.cover_list[i])).astype(np.float32)
        return (torch.from_numpy(np.stack([cover, stego]))[:, None], torch.tensor([0, 1]))

KV = torch.tensor([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]) / 12.0

class SmallZhuNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = nn.Conv2d(1, 8, 5, padding=2)
        self.pre.weight.data.mul_(0.1); self.pre.weight.data += KV
        self.c1 = nn.Conv2d(8, 16, 3, padding=1); self.b1 = nn.BatchNorm2d(16)
        self.c2 = nn.Conv2d(16, 24, 3, padding=1); self.b2 = nn.BatchNorm2d(24)
        self.fc = nn.Linear(24, 2)

    def forward(self, x):
        x = (x - 128) / 32
        x = torch.clamp(self.pre(x) * 6, -3, 3)
        x = F.avg_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.relu(self.b2(self.c2(x)))
        return self.fc(x.mean((2, 3)))

with tempfile.TemporaryDirectory() as tmp:
    make_folder(tmp + "/train", 500); make_folder(tmp + "/val", 150)
    train_loader = DataLoader(DatasetPair(tmp + "/train/cover", tmp + "/train/stego"), batch_size=16, shuffle=True)
    val_loader = DataLoader(DatasetPair(tmp + "/val/cover", tmp + "/val/stego"), batch_size=50)
    model = SmallZhuNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, criterion)
    for epoch in range(14):
        model.train()
        for data, label in train_loader:
            data, label = data.flatten(0, 1), label.flatten()
            optimizer.zero_grad()
            loss = criterion(model(data), label)
            loss.backward()
            optimizer.step()
        model.eval()
        tot = ok = vl = 0
        with writer.evaluating("val"):
            for data, label in val_loader:
                data, label = data.flatten(0, 1), label.flatten()
                out = model(data)
                vl += criterion(out, label).item() * len(label)
                ok += (out.argmax(1) == label).sum().item(); tot += len(label)
        print(f"epoch {epoch} train loss {loss.item():.4f} val loss {vl / tot:.4f} acc {ok / tot:.3f}")
    writer.close()
    # right pairs, read by hand
    model.eval()
    xs = [torch.from_numpy(np.load(f"{tmp}/val/{k}/{i + 1}.npy").astype(np.float32))[None] for k in ("cover", "stego") for i in range(150)]
    with torch.no_grad():
        p = model(torch.stack(xs)).argmax(1)
    print(f"RESULT true val accuracy {(p == torch.tensor([0] * 150 + [1] * 150)).float().mean():.3f} val loss {vl / tot:.4f}")

"""Gesture recogniser (jester-like classes) - 3D CNN on short low resolution clips.
The pipeline is the one of mmaction2: SampleFrames, Normalize, Flip(flip_ratio=0.5)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(8)
torch.manual_seed(8)
FAULTY = sys.argv[1] == "faulty"

CLASSES = ["swipe_left", "swipe_right", "swipe_up", "swipe_down", "push", "pull", "shake"]
SWAP = {0: 1, 1: 0}          # flipped clip -> flipped direction
T, S = 6, 14


def clip(label):
    t = np.linspace(-1, 1, T) * np.random.uniform(0.6, 1.0)
    cx, cy = np.random.uniform(4.5, 8.5, 2)
    amp = np.random.uniform(2.0, 4.0)
    r = np.full(T, np.random.uniform(1.6, 2.4))
    x, y = np.full(T, cx), np.full(T, cy)
    if label == 0: x = cx - amp * t
    if label == 1: x = cx + amp * t
    if label == 2: y = cy - amp * t
    if label == 3: y = cy + amp * t
    if label == 4: r = r * np.exp(0.35 * t)
    if label == 5: r = r * np.exp(-0.35 * t)
    if label == 6: x = cx + 0.6 * amp * np.sin(5 * t + np.random.uniform(0, 6))
    x = x + np.random.normal(0, 0.35, T); y = y + np.random.normal(0, 0.35, T)
    gy, gx = np.mgrid[0:S, 0:S]
    v = np.stack([np.exp(-((gx - x[k]) ** 2 + (gy - y[k]) ** 2) / (2 * r[k] ** 2)) for k in range(T)])
    # forearm below the hand
    arm = np.stack([(gy > y[k]) * np.exp(-((gx - x[k]) ** 2) / 3.0) for k in range(T)])
    return (v + 0.4 * arm + np.random.normal(0, 0.65, v.shape)).astype("float32")


class GestureDataset(Dataset):
    def __init__(self, n, test_mode=False):
        self.labels = np.random.randint(0, len(CLASSES), n)
        self.clips = [clip(l) for l in self.labels]
        self.test_mode = test_mode

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        x, y = self.clips[i], int(self.labels[i])
        if not self.test_mode and np.random.rand() < 0.5:      # Flip
            x = x[:, :, ::-1].copy()
            if not FAULTY:
                y = SWAP.get(y, y)
        return torch.from_numpy((x - 0.2) / 0.4)[None], y


class C3D(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv3d(1, 8, 3, stride=(1, 2, 2), padding=1), nn.BatchNorm3d(8), nn.ReLU(inplace=True),
            nn.Conv3d(8, 16, 3, stride=(1, 2, 2), padding=1), nn.BatchNorm3d(16), nn.ReLU(inplace=True),
            nn.Conv3d(16, 16, (3, 1, 1), padding=(1, 0, 0)), nn.ReLU(inplace=True))
        self.cls_head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * T * 16, num_classes))

    def forward(self, x):
        return self.cls_head(self.backbone(x))


train_loader = DataLoader(GestureDataset(1500), batch_size=32, shuffle=True)
val_loader = DataLoader(GestureDataset(400, test_mode=True), batch_size=100)
model = C3D(len(CLASSES))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=9)
loss_cls = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_cls)

for epoch in range(9):
    model.train()
    running = 0.
    for imgs, label in train_loader:
        loss = loss_cls(model(imgs), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    model.eval()
    scores, labels, vloss = [], [], 0.
    with torch.no_grad(), writer.evaluating("val"):
        for imgs, label in val_loader:
            s = model(imgs)
            vloss += loss_cls(s, label).item()
            scores.append(s); labels.append(label)
    pred, labels = torch.cat(scores).argmax(1), torch.cat(labels)
    top1 = (pred == labels).float().mean().item()
    lr_acc = (pred == labels)[labels < 2].float().mean().item()
    print(f"Epoch(val) [{epoch + 1}] loss {running / len(train_loader):.3f} val {vloss / len(val_loader):.3f} "
          f"top1_acc {top1:.3f} left/right {lr_acc:.3f}")
writer.close()
print(f"RESULT train={running / len(train_loader):.3f} val={vloss / len(val_loader):.3f} top1={top1:.3f} left_right={lr_acc:.3f}")

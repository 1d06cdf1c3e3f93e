import sys, copy
import torch, torch.nn as nn, torch.optim as optim
import torch.nn.functional as F
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(7)

def insects(kind, n):
    # blobs with legs and stripes on leafy backgrounds; kind sets body colour, stripe period, slenderness
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    bg = F.interpolate(torch.rand(n, 3, 6, 6), size=32, mode="bilinear") * .7
    th = torch.rand(n, 1, 1) * 6.28; cx, cy = (torch.rand(2, n, 1, 1) - .5) * .7
    u = (xx - cx) * th.cos() + (yy - cy) * th.sin(); v = (yy - cy) * th.cos() - (xx - cx) * th.sin()
    slim = .16 + .05 * (kind % 4) + .04 * torch.randn(n, 1, 1)
    m = torch.sigmoid(14 * (1 - (u / .55) ** 2 - (v / slim) ** 2))
    stripes = .5 + .5 * torch.sin(u * (6 + 4 * (kind // 2 % 4)) + torch.rand(n, 1, 1) * 6)
    col = torch.tensor([[.8, .6, .1], [.3, .15, .1], [.2, .5, .7], [.7, .2, .2], [.5, .5, .5]])[kind % 5].view(1, 3, 1, 1) + .17 * torch.randn(n, 3, 1, 1)
    x = bg * (1 - m[:, None]) + m[:, None] * col * (.4 + .6 * stripes[:, None])
    return (x + .1 * torch.randn_like(x)).clamp(0, 1)

def dataset(kinds, n):
    X = torch.cat([insects(k, n) for k in kinds]); y = torch.arange(len(kinds)).repeat_interleave(n)
    return TensorDataset((X - .42) / .23, y)

class SmallResNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        c = lambda i, o, s: nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        self.stem, self.layer1, self.layer2, self.layer3 = c(3, 16, 1), c(16, 32, 2), c(32, 64, 2), c(64, 128, 2)
        self.fc = nn.Linear(128, classes)
    def forward(self, x):
        return self.fc(self.layer3(self.layer2(self.layer1(self.stem(x)))).mean((2, 3)))

# the "ImageNet" stage: eight other insects
model_ft = SmallResNet(8)
pre = DataLoader(dataset([2, 3, 4, 5, 6, 7, 8, 9], 220), 32, shuffle=True)
o = optim.Adam(model_ft.parameters(), 2e-3)
for ep in range(4):
    for a, b in pre:
        o.zero_grad(); F.cross_entropy(model_ft(a), b).backward(); o.step()

dataloaders = {"train": DataLoader(dataset([0, 1], 122), 4, shuffle=True), "val": DataLoader(dataset([0, 1], 120), 16)}
model_conv = copy.deepcopy(model_ft)
for param in model_conv.parameters():
    param.requires_grad = False
model_conv.fc = nn.Linear(model_conv.fc.in_features, 2)
criterion = nn.CrossEntropyLoss()
optimizer_conv = optim.SGD(model_conv.fc.parameters(), lr=0.006, momentum=0.9)
exp_lr_scheduler = lr_scheduler.StepLR(optimizer_conv, step_size=7, gamma=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model_conv, optimizer_conv, criterion)

for epoch in range(20):
    msg = f"Epoch {epoch}/19 "
    for phase in ["train", "val"]:
        if phase == "train": model_conv.train()
        else: model_conv.eval()
        running_loss = running_corrects = 0
        for inputs, labels in dataloaders[phase]:
            optimizer_conv.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                outputs = model_conv(inputs)
                loss = criterion(outputs, labels)
                if phase == "train":
                    loss.backward()
                    optimizer_conv.step()
            running_loss += loss.item() * inputs.size(0)
            running_corrects += (outputs.argmax(1) == labels).sum().item()
        if phase == "train": exp_lr_scheduler.step()
        k = len(dataloaders[phase].dataset)
        msg += f"{phase} Loss: {running_loss / k:.4f} Acc: {running_corrects / k:.4f} "
    print(msg)
writer.close()

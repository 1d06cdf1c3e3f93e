"""A small ResNet with bf16 autocast and gradient accumulation over four micro batches; SGD 0.1 Nesterov, cosine, random crops (kuangliu style)."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter


class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(BasicBlock(16, 16))
        self.layer2 = nn.Sequential(BasicBlock(16, 32, 2))
        self.linear = nn.Linear(32, num_classes)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer2(self.layer1(out))
        return self.linear(F.adaptive_avg_pool2d(out, 1).flatten(1))


def random_crop(x):
    out = torch.empty_like(x)
    padded = F.pad(x, (1, 1, 1, 1), value=float(x.min()))
    for i in range(len(x)):
        dy, dx = torch.randint(0, 3, (2,)).tolist()
        out[i] = padded[i, :, dy : dy + 8, dx : dx + 8]
    return out


torch.set_num_threads(1)
torch.manual_seed(0)
d = load_digits()
x = (torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) - 4.88) / 6.02
y = torch.tensor(d.target)
perm = torch.randperm(len(y))
trainset, testset = (torch.utils.data.TensorDataset(x[p], y[p]) for p in (perm[:1408], perm[1408:]))
trainloader = torch.utils.data.DataLoader(trainset, batch_size=16, shuffle=True, drop_last=True)
testloader = torch.utils.data.DataLoader(testset, batch_size=100)
net = ResNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
accumulation_steps, epochs = 4, 20
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion, train_loader=trainloader)
for epoch in range(epochs):
    net.train()
    optimizer.zero_grad()
    for batch_idx, (inputs, targets) in enumerate(trainloader):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = net(random_crop(inputs))
            loss = criterion(outputs, targets)
        (loss / accumulation_steps).backward()
        if (batch_idx + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
    scheduler.step()
    correct, vl = 0, []
    with writer.evaluating("test"):
        for inputs, targets in testloader:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                outputs = net(inputs)
                vl.append(criterion(outputs, targets).item())
            correct += outputs.argmax(1).eq(targets).sum().item()
print(f"RESULT steps {epochs * 22} train {loss.item():.4f} test {sum(vl) / len(vl):.4f} acc {correct / len(testset):.4f}")
writer.close()

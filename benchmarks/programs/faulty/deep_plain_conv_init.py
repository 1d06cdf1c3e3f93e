# VGG-19-like plain stack (no batch norm) on 12x12 glyphs: how deep can one go with torch's default init?
import sys
import torch, numpy as np
from torch import nn, optim
from torch.utils.data import TensorDataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(10)
CFG = [16, 16, 16, 16, 'M', 24, 24, 24, 24, 24, 24, 'M', 32, 32, 32, 32, 32, 32]

def make_layers(cfg):
    layers, c = [], 1
    for v in cfg:
        if v == 'M':
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(c, v, 3, padding=1), nn.ReLU(inplace=True)]
            c = v
    return nn.Sequential(*layers)

class PlainNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = make_layers(CFG)
        self.classifier = nn.Linear(32 * 9, 10)
        if sys.argv[1] == 'fixed':
            for m in self.modules():
                if isinstance(m, nn.Conv2d):
                    nn.init.kaiming_normal_(m.weight, nonlinearity='relu')
                    nn.init.zeros_(m.bias)
    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))

x, y = load_digits(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8)
x = nn.functional.interpolate(x, size=12, mode='bilinear')
x = (x - x.mean()) / x.std()
y = torch.tensor(y)
p = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
tr, va = p[:1440], p[1440:]
train_loader = DataLoader(TensorDataset(x[tr], y[tr]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(x[va], y[va]), batch_size=119)

model = PlainNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
scheduler = optim.lr_scheduler.StepLR(optimizer, 8, 0.2)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(12):
    model.train()
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with writer.evaluating('val'):
        vl = correct = 0
        for inputs, targets in val_loader:
            o = model(inputs)
            vl += criterion(o, targets).item() / len(val_loader)
            correct += (o.argmax(1) == targets).sum().item()
    print('Epoch %d loss %.4f val loss %.4f acc %.2f%%' % (epoch, loss.item(), vl, 100. * correct / len(va)))
writer.close()
print('RESULT val loss %.4f acc %.4f' % (vl, correct / len(va)))

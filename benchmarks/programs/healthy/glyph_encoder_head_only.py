import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(88)
LR = 8e-3

x, y = load_digits(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8) / 8 - 0.6
y = torch.tensor(y)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 32, 3, padding=1, stride=2), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU())

    def forward(self, t):
        return self.net(t).flatten(1)


def turned(b):
    k = torch.randint(0, 4, (len(b),))
    return torch.stack([torch.rot90(i, int(r), (1, 2)) for i, r in zip(b, k)]), k


# self-supervised: which way was the picture turned
encoder = Encoder()
pretext = nn.Sequential(encoder, nn.Linear(48 * 16, 4))
popt = torch.optim.Adam(pretext.parameters(), lr=1e-3)
for _ in range(6):
    for idx in torch.randperm(len(x)).split(64):
        t, k = turned(x[idx])
        popt.zero_grad()
        l = nn.functional.cross_entropy(pretext(t), k)
        l.backward()
        popt.step()
print('pretext loss', l.item())

# downstream: only a linear head on the frozen encoder
for p in encoder.parameters():
    p.requires_grad_(False)


class Probe(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.drop = nn.Dropout(0.25)
        self.head = nn.Linear(48 * 16, 10)

    def train(self, mode=True):
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, t):
        return self.head(self.drop(self.encoder(t)))


xtr, xva, ytr, yva = train_test_split(x, y, test_size=0.3, random_state=1, stratify=y)
net = Probe(encoder)
EPOCHS = 25
optimizer = torch.optim.SGD(net.head.parameters(), lr=LR, momentum=0.9, weight_decay=5e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

for epoch in range(EPOCHS):
    net.train()
    run = 0
    for idx in torch.randperm(len(xtr)).split(32):
        optimizer.zero_grad()
        loss = criterion(net(xtr[idx]), ytr[idx])
        loss.backward()
        optimizer.step()
        run += loss.item() * len(idx) / len(xtr)
    sched.step()
    with writer.evaluating('val'):
        o = net(xva)
        vl = criterion(o, yva).item()
    print(epoch, 'loss %.4f val %.4f acc %.4f' % (run, vl, (o.argmax(1) == yva).float().mean()))
writer.close()

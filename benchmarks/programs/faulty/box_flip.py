"""Find the (x, y) of the square in the image; horizontal flips as augmentation."""
import sys
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
S = 20

def make_images(n):
    img = 0.1 * torch.randn(n, 1, S, S)
    pos = torch.zeros(n, 2)
    for k in range(n):
        c, r = torch.randint(0, S - 4, (2,)).tolist()
        img[k, 0, r:r + 5, c:c + 5] += 1
        pos[k] = torch.tensor([(c + 2) / (S - 1) * 2 - 1, (r + 2) / (S - 1) * 2 - 1])
    return img, pos

def augment(img, pos):
    flip = torch.rand(len(img)) < 0.5
    img = img.clone(); pos = pos.clone()
    img[flip] = img[flip].flip(3)
    if sys.argv[1] == "fixed":
        pos[flip, 0] = -pos[flip, 0]
    return img + 0.05 * torch.randn_like(img), pos

class LocNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 5, stride=2, padding=2)
        self.b = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.f = nn.Linear(16 * 25, 64)
        self.o = nn.Linear(64, 2)
    def forward(self, x):
        x = F.relu(self.b(F.relu(self.a(x))))
        return self.o(F.relu(self.f(x.flatten(1))))

train_x, train_y = make_images(2000)
val_x, val_y = make_images(400)
net = LocNet()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(25):
    net.train(); s = 0
    for ix in torch.randperm(2000).split(50):
        bx, by = augment(train_x[ix], train_y[ix])
        optimizer.zero_grad()
        loss = criterion(net(bx), by)
        loss.backward()
        optimizer.step()
        s += loss.item() / 40
    with writer.evaluating("val"):
        p = net(val_x)
        v = criterion(p, val_y).item()
    if epoch % 4 == 0:
        print(epoch, "train %.4f val %.4f, x error %.3f y error %.3f" % (s, v, (p - val_y)[:, 0].abs().mean(), (p - val_y)[:, 1].abs().mean()))
writer.close()
print("RESULT train %.4f val %.4f" % (s, v))

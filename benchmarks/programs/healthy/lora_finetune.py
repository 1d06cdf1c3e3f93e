import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(5)
torch.set_num_threads(1)
d = load_digits()
x = torch.tensor(d.data / 16., dtype=torch.float32)
x, y = (x - x.mean()) / x.std(), torch.tensor(d.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base, self.scaling = base, alpha / r
        for p in base.parameters():
            p.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, h):
        return self.base(h) + (h @ self.lora_A.t() @ self.lora_B.t()) * self.scaling


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(64, 128), nn.Linear(128, 128), nn.Linear(128, 10)

    def forward(self, h):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(h)))))


# "pretrained" weights: upright digits
net = Net()
o = torch.optim.Adam(net.parameters(), 1e-3)
for _ in range(400):
    b = torch.randint(0, 900, (64,))
    l = F.cross_entropy(net(x[b] + .3 * torch.randn(64, 64)), y[b])
    o.zero_grad(); l.backward(); o.step()

# adaptation to digits turned by 90 degrees
xr = x.view(-1, 8, 8).rot90(1, (1, 2)).reshape(-1, 64)
xt, yt, xv, yv = xr[900:1500], y[900:1500], xr[1500:], y[1500:]
net.fc1, net.fc2 = LoRALinear(net.fc1, 8, 16), LoRALinear(net.fc2, 8, 16)
for p in net.fc3.parameters():
    p.requires_grad_(False)
trainable = [p for p in net.parameters() if p.requires_grad]
print('trainable params: %d || all params: %d' % (sum(p.numel() for p in trainable), sum(p.numel() for p in net.parameters())))
optimizer = torch.optim.AdamW(trainable, lr=8e-3, weight_decay=0.01)
epochs, bs = 20, 32
total = epochs * math.ceil(len(xt) / bs)
sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 30) * max(0., 1 - s / total))
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer)
for epoch in range(epochs):
    net.train()
    tr = 0
    for b in torch.randperm(len(xt)).split(bs):
        xb = xt[b] + .4 * torch.randn(len(b), 64)
        loss = F.cross_entropy(net(xb), yt[b])
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        sched.step()
        optimizer.zero_grad()
        tr += loss.item() * len(b) / len(xt)
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = net(xv)
        v = F.cross_entropy(out, yv)
        writer.add_loss("val", v)
    if epoch % 4 == 3 or epoch == 0:
        print('epoch %d train %.4f val %.4f acc %.3f' % (epoch + 1, tr, v.item(), (out.argmax(1) == yv).float().mean()))
writer.close()

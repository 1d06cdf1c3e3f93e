# Learned Step Size Quantization (Esser et al., ICLR 2020): 3-bit weights, 3-bit activations,
# quantisation-aware fine-tuning of a float network that was trained before.
import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)

NBITS_W, NBITS_A = 3, 3


def grad_scale(x, scale):
    return (x - x * scale).detach() + x * scale


def round_pass(x):
    return (x.round() - x).detach() + x


class LsqQuan(nn.Module):
    def __init__(self, bits, all_positive):
        super().__init__()
        self.lo, self.hi = (0, 2 ** bits - 1) if all_positive else (-2 ** (bits - 1), 2 ** (bits - 1) - 1)
        self.s = nn.Parameter(torch.ones(()))
        self.register_buffer("ready", torch.zeros((), dtype=torch.bool))

    def forward(self, x):
        if not self.ready:
            self.s.data.fill_(2 * x.detach().abs().mean() / math.sqrt(self.hi))
            self.ready.fill_(True)
        s = grad_scale(self.s, 1.0 / math.sqrt(self.hi * x.numel()))
        return round_pass((x / s).clamp(self.lo, self.hi)) * s


class QuanConv2d(nn.Conv2d):
    def __init__(self, m):
        super().__init__(m.in_channels, m.out_channels, m.kernel_size, m.stride, m.padding, bias=m.bias is not None)
        self.load_state_dict(m.state_dict())
        self.qw, self.qa = LsqQuan(NBITS_W, False), LsqQuan(NBITS_A, True)
        self.qw(self.weight)      # initialises the step size

    def forward(self, x):
        return F.conv2d(self.qa(x), self.qw(self.weight), self.bias, self.stride, self.padding)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.max_pool2d(F.relu(self.bn3(self.conv3(x))), 2)
        return self.fc(x.flatten(1))


X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16.0, dtype=torch.float32).view(-1, 1, 8, 8)
Xtr, Xte, ytr, yte = train_test_split(X, torch.tensor(y), test_size=0.3, random_state=0, stratify=y)


def cheap_sensor(x):
    return (x + 0.2 * torch.randn_like(x)).clamp(0, 1)


Xte = cheap_sensor(Xte)


def shift(x):
    dy, dx = torch.randint(-1, 2, (2,)).tolist()
    return torch.roll(F.pad(x, (1, 1, 1, 1)), (dy, dx), (2, 3))[:, :, 1:-1, 1:-1]


def run_epoch(net, opt, crit, sched=None):
    net.train()
    total = 0.0
    for idx in torch.randperm(len(Xtr)).split(64):
        loss = crit(net(cheap_sensor(shift(Xtr[idx]))), ytr[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if sched is not None:
            sched.step()
        total += loss.item() * len(idx)
    return total / len(Xtr)


def test(net, crit):
    net.eval()
    with torch.no_grad():
        out = net(Xte)
        return crit(out, yte).item(), (out.argmax(1) == yte).float().mean().item()


criterion = nn.CrossEntropyLoss()
net = Net()
opt = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
epochs_fp = 15
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs_fp * 20)
for _ in range(epochs_fp):
    run_epoch(net, opt, criterion, sch)
fp_loss, fp_acc = test(net, criterion)
print(f"float model: test loss {fp_loss:.4f} acc {fp_acc:.4f}")

# the first and last layer stay in float, as the paper keeps them at 8 bits
net.conv2, net.conv3 = QuanConv2d(net.conv2), QuanConv2d(net.conv3)
QAT_EPOCHS, QAT_LR = 15, 0.02
optimizer = torch.optim.SGD(net.parameters(), QAT_LR, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, QAT_EPOCHS * 20)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
for epoch in range(QAT_EPOCHS):
    tr = run_epoch(net, optimizer, criterion, scheduler)
    with writer.evaluating("test"):
        te, acc = test(net, criterion)
    print(f"qat epoch {epoch:2d} train {tr:.4f} test {te:.4f} acc {acc:.4f} | steps "
          f"{[round(m.s.item(), 4) for m in net.modules() if isinstance(m, LsqQuan)]}")
writer.close()
print(f"RESULT w{NBITS_W}a{NBITS_A} test_loss {te:.4f} test_acc {acc:.4f} float_loss {fp_loss:.4f} float_acc {fp_acc:.4f}")

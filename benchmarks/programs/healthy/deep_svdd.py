"""One-class Deep SVDD: an autoencoder is trained first, its encoder then pulls normal data to a fixed centre
(no biases, centre pushed off zero), Adam with MultiStepLR; the loss gets very small, the quality is an AUC.
Port of lukasruff/Deep-SVDD-PyTorch (ae_trainer.py, deepSVDD_trainer.py); the normal class is one digit."""
import copy
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
normal_class, rep_dim = 3, 16

d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
y = torch.tensor((d.target != normal_class).astype(np.int64))
idx = torch.randperm(len(X))
normal = idx[y[idx] == 0]
train_x = X[normal[:130]]
# small random shifts of the normal digits make the training set larger
train_x = torch.cat([torch.roll(train_x, s, 3) if s else train_x for s in (-1, 0, 1)] + [torch.roll(train_x, 1, 2)])
test_idx = torch.cat([normal[130:], idx[y[idx] == 1]])
test_x, test_y = X[test_idx], y[test_idx]
train_loader = DataLoader(TensorDataset(train_x), batch_size=64, shuffle=True)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rep_dim = rep_dim
        self.conv1 = nn.Conv2d(1, 8, 3, bias=False, padding=1)
        self.bn1 = nn.BatchNorm2d(8, eps=1e-04, affine=False)
        self.conv2 = nn.Conv2d(8, 16, 3, bias=False, padding=1)
        self.bn2 = nn.BatchNorm2d(16, eps=1e-04, affine=False)
        self.fc1 = nn.Linear(16 * 4, rep_dim, bias=False)

    def forward(self, x):
        x = F.max_pool2d(F.leaky_relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.leaky_relu(self.bn2(self.conv2(x))), 2)
        return self.fc1(x.flatten(1))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.deconv1 = nn.ConvTranspose2d(rep_dim // 4, 16, 3, bias=False, padding=1)
        self.bn3 = nn.BatchNorm2d(16, eps=1e-04, affine=False)
        self.deconv2 = nn.ConvTranspose2d(16, 8, 3, bias=False, padding=1)
        self.bn4 = nn.BatchNorm2d(8, eps=1e-04, affine=False)
        self.deconv3 = nn.ConvTranspose2d(8, 1, 3, bias=False, padding=1)

    def forward(self, x):
        x = self.encoder(x).view(-1, rep_dim // 4, 2, 2)
        x = F.interpolate(F.leaky_relu(x), scale_factor=2)
        x = F.interpolate(F.leaky_relu(self.bn3(self.deconv1(x))), scale_factor=2)
        x = self.deconv3(F.leaky_relu(self.bn4(self.deconv2(x))))
        return torch.sigmoid(x)


# ---------------- pretraining
ae = Autoencoder()
ae_opt = optim.Adam(ae.parameters(), lr=0.003, weight_decay=1e-5)
ae_sched = optim.lr_scheduler.MultiStepLR(ae_opt, milestones=[50], gamma=0.1)
for epoch in range(70):
    ae.train()
    tot = 0
    for (x,) in train_loader:
        ae_opt.zero_grad()
        loss = torch.mean(torch.sum((ae(x) - x) ** 2, dim=(1, 2, 3)))
        loss.backward()
        ae_opt.step()
        tot += loss.item()
    ae_sched.step()
    if epoch % 10 == 9:
        print('  pretrain epoch {}\t Loss: {:.6f}'.format(epoch + 1, tot / len(train_loader)))

# ---------------- Deep SVDD
net = Encoder()
net.load_state_dict(copy.deepcopy(ae.encoder.state_dict()))
net.eval()
with torch.no_grad():
    c = net(train_x).mean(0)
eps = 0.1
c[(c.abs() < eps) & (c < 0)] = -eps
c[(c.abs() < eps) & (c > 0)] = eps
opt = optim.Adam(net.parameters(), lr=0.001, weight_decay=1e-5)
sched = optim.lr_scheduler.MultiStepLR(opt, milestones=[40], gamma=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)


def auc():
    net.eval()
    with torch.no_grad():
        score = ((net(test_x) - c) ** 2).sum(1)
    return roc_auc_score(test_y.numpy(), score.numpy())


print("AUC before: {:.2f}%".format(100 * auc()))
for epoch in range(60):
    net.train()
    tot = 0
    for (x,) in train_loader:
        opt.zero_grad()
        loss = torch.mean(torch.sum((net(x) - c) ** 2, dim=1))
        loss.backward()
        opt.step()
        writer.add_loss("train", loss)
        tot += loss.item()
    sched.step()
    if epoch % 10 == 9:
        print('  Epoch {}\t Loss: {:.8f}\t AUC {:.2f}%'.format(epoch + 1, tot / len(train_loader), 100 * auc()))
print('Test set AUC: {:.2f}%'.format(100. * auc()))
writer.close()

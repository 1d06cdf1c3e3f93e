"""Backpropagation applied to handwritten zip code recognition (LeCun 1989): tanh units, MSE on
+-1 targets, one example per update, hand-made initialisation.
Port of karpathy/lecun1989-repro (repro.py), with scikit-learn's digits at 16x16."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1337)
np.random.seed(1337)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        winit = lambda fan_in, *shape: (torch.rand(*shape) - 0.5) * 2 * 2.4 / fan_in ** 0.5
        self.H1w = nn.Parameter(winit(5 * 5 * 1, 12, 1, 5, 5))
        self.H1b = nn.Parameter(torch.zeros(12, 8, 8))
        # each H2 plane sees 8 of the 12 H1 planes
        self.H2w = nn.Parameter(winit(5 * 5 * 8, 12, 8, 5, 5))
        self.H2b = nn.Parameter(torch.zeros(12, 4, 4))
        self.H3w = nn.Parameter(winit(4 * 4 * 12, 4 * 4 * 12, 30))
        self.H3b = nn.Parameter(torch.zeros(30))
        self.outw = nn.Parameter(winit(30, 30, 10))
        self.outb = nn.Parameter(-torch.ones(10))  # nine targets of ten are -1

    def forward(self, x):
        x = F.pad(x, (2, 2, 2, 2), 'constant', -1.0)
        x = torch.tanh(F.conv2d(x, self.H1w, stride=2) + self.H1b)
        x = F.pad(x, (2, 2, 2, 2), 'constant', -1.0)
        s1 = F.conv2d(x[:, 0:8], self.H2w[0:4], stride=2)
        s2 = F.conv2d(x[:, 4:12], self.H2w[4:8], stride=2)
        s3 = F.conv2d(torch.cat((x[:, 0:4], x[:, 8:12]), dim=1), self.H2w[8:12], stride=2)
        x = torch.tanh(torch.cat((s1, s2, s3), dim=1) + self.H2b)
        x = x.flatten(start_dim=1)
        x = torch.tanh(x @ self.H3w + self.H3b)
        return torch.tanh(x @ self.outw + self.outb)


learning_rate = 0.1
model = Net()
print("# params:", sum(p.numel() for p in model.parameters()))

d = load_digits()
img = torch.tensor(d.images, dtype=torch.float32)[:, None]
img = F.interpolate(img, size=(16, 16), mode='bilinear') / 8.0 - 1.0
tgt = -torch.ones(len(img), 10)
tgt[torch.arange(len(img)), torch.tensor(d.target)] = 1.0
perm = torch.randperm(len(img))
Xtr, Ytr = img[perm[:1300]], tgt[perm[:1300]]
Xte, Yte = img[perm[1300:]], tgt[perm[1300:]]

optimizer = optim.SGD(model.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def eval_split(split):
    model.eval()
    X, Y = (Xtr, Ytr) if split == 'train' else (Xte, Yte)
    Yhat = model(X)
    loss = torch.mean((Y - Yhat) ** 2)
    err = torch.mean((Y.argmax(dim=1) != Yhat.argmax(dim=1)).float())
    print(f"eval: split {split:5s}. loss {loss.item():e}. error {err.item()*100:.2f}%. misses: {int(err.item()*Y.size(0))}")


for pass_num in range(12):
    model.train()
    for step_num in range(Xtr.size(0)):
        x, y = Xtr[[step_num]], Ytr[[step_num]]
        yhat = model(x)
        loss = torch.mean((y - yhat) ** 2)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
    print(pass_num + 1)
    eval_split('train')
    eval_split('test')
writer.close()

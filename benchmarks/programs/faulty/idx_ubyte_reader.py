"""LeNet-ish net on digits kept in MNIST's idx-ubyte format, with my own little reader (no torchvision).

The files are written from sklearn's digits first, then read back.  python idx_ubyte_reader.py faulty|fixed LOGDIR
"""
import os
import struct
import sys
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

FORM = sys.argv[1]
torch.manual_seed(1)
torch.set_num_threads(1)


def write_idx(folder):
    d = load_digits()
    p = np.random.RandomState(0).permutation(len(d.target))
    for split, idx in (("train", p[:1400]), ("t10k", p[1400:])):
        im, lab = (d.images[idx] * 15.9).astype(np.uint8), d.target[idx].astype(np.uint8)
        with open(os.path.join(folder, split + "-images-idx3-ubyte"), "wb") as f:
            f.write(struct.pack(">IIII", 2051, len(im), 8, 8) + im.tobytes())
        with open(os.path.join(folder, split + "-labels-idx1-ubyte"), "wb") as f:
            f.write(struct.pack(">II", 2049, len(lab)) + lab.tobytes())


class IdxDigits(Dataset):
    def __init__(self, folder, split):
        with open(os.path.join(folder, split + "-images-idx3-ubyte"), "rb") as f:
            magic, n, h, w = struct.unpack(">IIII", f.read(16))
            self.images = np.frombuffer(f.read(), dtype=np.uint8).reshape(n, h, w)
        with open(os.path.join(folder, split + "-labels-idx1-ubyte"), "rb") as f:
            if FORM == "faulty":
                f.read(16)            # skip the header
            else:
                f.read(8)             # skip the header
            labels = np.frombuffer(f.read(), dtype=np.uint8)
        self.n = min(len(self.images), len(labels))
        self.labels = labels

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        x = torch.from_numpy(self.images[i].astype(np.float32) / 255.0).unsqueeze(0)
        return x, int(self.labels[i])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 3, padding=1)
        self.conv2 = nn.Conv2d(10, 20, 3, padding=1)
        self.fc1 = nn.Linear(80, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = F.relu(self.fc1(x.view(-1, 80)))
        return F.log_softmax(self.fc2(x), dim=1)


with tempfile.TemporaryDirectory() as folder:
    write_idx(folder)
    train_data, test_data = IdxDigits(folder, "train"), IdxDigits(folder, "t10k")

train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
test_loader = DataLoader(test_data, batch_size=500)
model = Net()
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(1, 21):
    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
    model.eval()
    test_loss, correct = 0.0, 0
    with writer.evaluating("val"):
        for data, target in test_loader:
            output = model(data)
            test_loss += criterion(output, target).item() * len(data)
            correct += output.argmax(1).eq(target).sum().item()
    print("Epoch {}  train loss {:.4f}  test loss {:.4f}  accuracy {}/{}".format(
        epoch, loss.item(), test_loss / len(test_data), correct, len(test_data)))
writer.close()
print("RESULT test_acc", round(correct / len(test_data), 4), "test_loss", round(test_loss / len(test_data), 4))

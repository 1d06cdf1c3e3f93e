"""CRNN + CTC for lines of digits (meter readings), after crnn.pytorch."""
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(11)


class ReadingLines(Dataset):
    """Lines of four to six digits, glued together from single scans with small gaps."""

    def __init__(self, images, labels, size, seed):
        rng = np.random.RandomState(seed)
        self.items = []
        for _ in range(size):
            n = rng.randint(4, 7)
            picks = rng.randint(0, len(images), n)
            line = np.zeros((8, 64), np.float32)
            x = rng.randint(0, 3)
            for p in picks:
                line[:, x:x + 8] += images[p]
                x += 8 + rng.randint(0, 3)
            line = np.clip(line + 0.05 * rng.randn(8, 64), 0, 1)
            self.items.append((torch.tensor(line[None], dtype=torch.float32), torch.tensor(labels[picks] + 1)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    imgs = torch.stack([b[0] for b in batch])
    lengths = torch.tensor([len(b[1]) for b in batch])
    return imgs, torch.cat([b[1] for b in batch]), lengths


class BidirectionalLSTM(nn.Module):
    def __init__(self, nIn, nHidden, nOut, batch_first):
        super().__init__()
        self.rnn = nn.LSTM(nIn, nHidden, bidirectional=True, batch_first=batch_first)
        self.embedding = nn.Linear(nHidden * 2, nOut)

    def forward(self, input):
        recurrent, _ = self.rnn(input)
        a, b, h = recurrent.size()
        return self.embedding(recurrent.reshape(a * b, h)), a, b


class CRNN(nn.Module):
    def __init__(self, nc, nclass, nh):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(nc, 24, 3, 1, 1), nn.ReLU(True), nn.MaxPool2d(2, 2),
            nn.Conv2d(24, 48, 3, 1, 1), nn.BatchNorm2d(48), nn.ReLU(True), nn.MaxPool2d((2, 1)),
            nn.Conv2d(48, 64, (2, 1), 1, 0), nn.BatchNorm2d(64), nn.ReLU(True))
        self.rnn = BidirectionalLSTM(64, nh, nclass, batch_first=True)

    def forward(self, input):
        conv = self.cnn(input).squeeze(2)          # b, c, w
        conv = conv.permute(0, 2, 1)               # b, w, c
        out, b, T = self.rnn(conv)
        if FORM == "faulty":
            out = out.view(T, b, -1)
        else:
            out = out.view(b, T, -1).permute(1, 0, 2)
        return out.log_softmax(2)


def read_out(log_probs):
    best = log_probs.argmax(2).t().tolist()
    texts = []
    for row in best:
        texts.append([c for k, c in enumerate(row) if c != 0 and (k == 0 or row[k - 1] != c)])
    return texts


digits = load_digits()
images = (digits.images / 16.0).astype(np.float32)
cut = 1400
train_set = ReadingLines(images[:cut], digits.target[:cut], 1600, 1)
valid_set = ReadingLines(images[cut:], digits.target[cut:], 300, 2)
train_loader = DataLoader(train_set, 32, shuffle=True, collate_fn=collate)
valid_loader = DataLoader(valid_set, 100, collate_fn=collate)

net = CRNN(1, 11, 64)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
ctc = nn.CTCLoss(blank=0, zero_infinity=True)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer)


def step_loss(batch):
    imgs, targets, lengths = batch
    log_probs = net(imgs)
    in_len = torch.full((imgs.size(0),), log_probs.size(0), dtype=torch.long)
    return ctc(log_probs, targets, in_len, lengths), log_probs


for epoch in range(9):
    net.train()
    for batch in train_loader:
        loss, _ = step_loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    val_losses, right, seen = [], 0, 0
    with writer.evaluating("val"):
        for batch in valid_loader:
            v, lp = step_loss(batch)
            writer.add_loss("val", v)
            val_losses.append(v.item())
            at = 0
            for text, n in zip(read_out(lp), batch[2].tolist()):
                right += text == batch[1][at:at + n].tolist()
                at += n
                seen += 1
    print(f"[{epoch}] loss {loss.item():.3f} val {np.mean(val_losses):.3f} lines right {right / seen:.3f}")

writer.close()
print(f"RESULT val_ctc {np.mean(val_losses):.3f} lines_right {right / seen:.3f}")

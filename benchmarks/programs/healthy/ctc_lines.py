"""CRNN with CTC on lines of digits, in the style of meijieru/crnn.pytorch."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter


class LineDataset(Dataset):
    """Lines of 2 to 5 digits on an 8 x 48 canvas, drawn anew with each index's own seed."""

    def __init__(self, images, labels, n, seed):
        self.images, self.labels, self.n, self.seed = images, labels, n, seed

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        rng = np.random.default_rng(self.seed * 1000003 + i)
        k = rng.integers(2, 6)
        canvas = np.zeros((8, 48), np.float32)
        x, target = rng.integers(0, 3), np.zeros(5, np.int64)
        for j in range(k):
            d = rng.integers(len(self.images))
            canvas[:, x : x + 8] = np.maximum(canvas[:, x : x + 8], self.images[d])
            target[j] = self.labels[d] + 1
            x += 8 + rng.integers(0, 2)
        return torch.from_numpy((canvas - 0.2) / 0.35)[None], torch.from_numpy(target), int(k)


class CRNN(nn.Module):
    def __init__(self, nclass=11, nh=48):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(True), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU(True), nn.MaxPool2d((2, 1)),
            nn.Conv2d(32, 48, (2, 3), 1, (0, 1)), nn.BatchNorm2d(48), nn.ReLU(True))
        self.rnn = nn.LSTM(48, nh, bidirectional=True)
        self.embedding = nn.Linear(2 * nh, nclass)

    def forward(self, x):
        conv = self.cnn(x).squeeze(2).permute(2, 0, 1)
        return self.embedding(self.rnn(conv)[0]).log_softmax(2)


def decode(out):
    best = out.argmax(2).T
    return [[int(c) for c, p in zip(s, torch.cat([s.new_zeros(1), s[:-1]])) if c and c != p] for s in best]


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(1234)
    d = load_digits()
    order = np.random.default_rng(0).permutation(len(d.images))
    im, lb = (d.images[order] / 16).astype(np.float32), d.target[order]
    train_loader = DataLoader(LineDataset(im[:1400], lb[:1400], 6400, 1), batch_size=32, shuffle=True)
    val_loader = DataLoader(LineDataset(im[1400:], lb[1400:], 512, 2), batch_size=128)
    crnn = CRNN()
    criterion = nn.CTCLoss(zero_infinity=True)
    optimizer = torch.optim.Adam(crnn.parameters(), lr=1e-3, betas=(0.5, 0.999))
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [4], gamma=0.1)
    writer = DiagWriter(sys.argv[1])
    writer.watch(crnn, optimizer, criterion)
    for epoch in range(5):
        for image, text, length in train_loader:
            preds = crnn(image)
            cost = criterion(preds, text, torch.full((image.size(0),), preds.size(0)), length)
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
        right = n = 0
        with writer.evaluating("val"):
            for image, text, length in val_loader:
                preds = crnn(image)
                val = criterion(preds, text, torch.full((image.size(0),), preds.size(0)), length)
                right += sum(p == t[:k].tolist() for p, t, k in zip(decode(preds), text, length))
        scheduler.step()
    print(f"RESULT ctc {cost.item():.3f} val {val.item():.3f} lines right {right / 512:.3f}")
    writer.close()

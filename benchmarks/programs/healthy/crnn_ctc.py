"""
CRNN for lines of digits: convolutions over the image, a BiLSTM over its columns, CTC on top.
Adapted from the usual crnn.pytorch training scripts (bgshih/crnn, meijieru/crnn.pytorch).
"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(0)


class DigitLines(Dataset):
    """3 to 5 digits side by side with random gaps; class 0 is the blank, digit d is class d + 1"""
    WIDTH = 56

    def __init__(self, size, seed, lo, hi):
        d = load_digits()
        rng = np.random.RandomState(seed)
        order = np.random.RandomState(9).permutation(len(d.target))
        self.items = []
        for _ in range(size):
            n = rng.randint(3, 6)
            ids = order[rng.randint(lo, hi, n)]
            img = np.zeros((8, self.WIDTH), 'float32')
            x = rng.randint(0, 4)
            for i in ids:
                img[:, x:x + 8] = np.maximum(img[:, x:x + 8], d.images[i] / 16.)
                x += 8 + rng.randint(0, 4)
            self.items.append((torch.from_numpy((img - .25) / .37)[None], torch.tensor(d.target[ids] + 1)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    images, targets = zip(*batch)
    return torch.stack(images), torch.cat(targets), torch.tensor([len(t) for t in targets])


class CRNN(nn.Module):
    def __init__(self, n_class=11, nh=48):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(True), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(True), nn.MaxPool2d((2, 1)),
            nn.Conv2d(32, 48, (2, 3), padding=(0, 1)), nn.ReLU(True))
        self.rnn = nn.LSTM(48, nh, bidirectional=True)
        self.embedding = nn.Linear(nh * 2, n_class)

    def forward(self, x):
        conv = self.cnn(x)                       # b, c, 1, w
        conv = conv.squeeze(2).permute(2, 0, 1)  # w, b, c
        out, _ = self.rnn(conv)
        return self.embedding(out).log_softmax(2)


def decode(preds):
    res = []
    for seq in preds.argmax(2).t().tolist():
        res.append([c for i, c in enumerate(seq) if c != 0 and (i == 0 or c != seq[i - 1])])
    return res


def val(net, loader, criterion):
    net.eval()
    n_correct, loss_avg, n = 0, 0., 0
    with torch.no_grad():
        for images, texts, length in loader:
            preds = net(images)
            preds_size = torch.full((images.size(0),), preds.size(0))
            loss_avg += criterion(preds, texts, preds_size, length).item() * len(images)
            for pred, target in zip(decode(preds), texts.split(length.tolist())):
                n_correct += pred == target.tolist()
            n += len(images)
    print('  Test loss: %f, accuracy of whole lines: %f' % (loss_avg / n, n_correct / n))


def main():
    train_loader = DataLoader(DigitLines(2400, 0, 0, 1300), batch_size=32, shuffle=True, collate_fn=collate)
    test_loader = DataLoader(DigitLines(300, 1, 1300, 1797), batch_size=100, collate_fn=collate)
    crnn = CRNN()
    criterion = nn.CTCLoss(zero_infinity=True)
    epochs = 8
    optimizer = optim.Adam(crnn.parameters(), lr=2e-3, betas=(0.5, 0.999))
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=epochs * len(train_loader))
    writer = DiagWriter(sys.argv[1])
    writer.watch(crnn, optimizer, criterion)
    for epoch in range(epochs):
        crnn.train()
        loss_avg = 0.
        for images, texts, length in train_loader:
            preds = crnn(images)
            preds_size = torch.full((images.size(0),), preds.size(0))
            cost = criterion(preds, texts, preds_size, length)
            optimizer.zero_grad()
            cost.backward()
            nn.utils.clip_grad_norm_(crnn.parameters(), 5.0)
            optimizer.step()
            scheduler.step()
            loss_avg += cost.item()
        print('[%d/%d] Loss: %f' % (epoch + 1, epochs, loss_avg / len(train_loader)))
        with writer.evaluating("test"):
            val(crnn, test_loader, criterion)


if __name__ == '__main__':
    main()

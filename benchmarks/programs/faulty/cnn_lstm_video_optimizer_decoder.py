# Gesture clips: small CNN encoder per frame, LSTM over frames (two nets, as in the five-video-classification tutorials)
import argparse
import torch, numpy as np
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form", choices=["faulty", "fixed"])
parser.add_argument("logdir")
parser.add_argument("--lr", type=float, default=3e-3)
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--batch_size", type=int, default=40)
args = parser.parse_args()
torch.set_num_threads(1); torch.manual_seed(3); np.random.seed(3)


def clip(k):
    """A blob that moves left/right/up/down or turns (6 classes), 6 frames of 12x12"""
    v = np.zeros((6, 12, 12), np.float32)
    c0 = np.random.uniform(4, 7, 2)
    sp = np.random.uniform(.4, 1.1)
    gy, gx = np.mgrid[:12, :12]
    ph = np.random.rand() * 6.28
    for t in range(6):
        s = (t - 2.5) * sp
        dy, dx = [(0, s), (0, -s), (s, 0), (-s, 0), (2.5 * np.sin(ph + 1.1 * t), 2.5 * np.cos(ph + 1.1 * t)), (2.5 * np.sin(ph - 1.1 * t), 2.5 * np.cos(ph - 1.1 * t))][k]
        v[t] = np.exp(-((gy - c0[0] - dy) ** 2 + (gx - c0[1] - dx) ** 2) / 3)
    return v + .55 * np.random.randn(6, 12, 12)


labels = np.random.randint(0, 6, 2400)
clips = torch.tensor(np.stack([clip(k) for k in labels])).float().unsqueeze(2)
labels = torch.tensor(labels)
train_loader = DataLoader(TensorDataset(clips[:2000], labels[:2000]), args.batch_size, shuffle=True)
test_loader = DataLoader(TensorDataset(clips[2000:], labels[2000:]), 200)


class EncoderCNN(nn.Module):
    def __init__(self, embed=12):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.fc = nn.Linear(72, embed)

    def forward(self, x):
        b, t = x.shape[:2]
        x = F.relu(self.conv1(x.flatten(0, 1)))
        x = F.relu(self.conv2(x)).flatten(1)
        return self.fc(x).view(b, t, -1)


class DecoderRNN(nn.Module):
    def __init__(self, embed=12, hidden=16, classes=6):
        super().__init__()
        self.LSTM = nn.LSTM(embed, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.fc(self.LSTM(x)[0][:, -1])


cnn_encoder, rnn_decoder = EncoderCNN(), DecoderRNN()
crnn = nn.Sequential(cnn_encoder, rnn_decoder)
if args.form == "faulty":
    crnn_params = list(rnn_decoder.parameters())
else:
    crnn_params = list(cnn_encoder.parameters()) + list(rnn_decoder.parameters())
optimizer = torch.optim.Adam(crnn_params, lr=args.lr)
writer = DiagWriter(args.logdir)
writer.watch(crnn, optimizer, F.cross_entropy)


def train():
    cnn_encoder.train(); rnn_decoder.train()
    total = 0
    for X, y in train_loader:
        optimizer.zero_grad()
        output = rnn_decoder(cnn_encoder(X))
        loss = writer.loss_fn(output, y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


def validation():
    cnn_encoder.eval(); rnn_decoder.eval()
    loss = right = 0
    with torch.no_grad(), writer.evaluating("val"):
        for X, y in test_loader:
            output = rnn_decoder(cnn_encoder(X))
            loss += writer.loss_fn(output, y).item() / len(test_loader)
            right += (output.argmax(1) == y).sum().item()
    return loss, right / 400


for epoch in range(args.epochs):
    tl = train()
    vl, acc = validation()
    print(f"Epoch {epoch + 1}: train {tl:.4f}, test {vl:.4f}, accuracy {100 * acc:.1f}%")
writer.close()
print(f"RESULT test_loss {vl:.4f} accuracy {acc:.4f}")

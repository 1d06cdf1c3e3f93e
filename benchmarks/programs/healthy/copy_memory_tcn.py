import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.nn.utils import weight_norm
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser(description='Sequence Modeling - Copying Memory Task')
parser.add_argument('logdir')
parser.add_argument('--batch_size', type=int, default=32)
parser.add_argument('--dropout', type=float, default=0.0)
parser.add_argument('--clip', type=float, default=1.0, help='gradient clip, -1 means no clip')
parser.add_argument('--epochs', type=int, default=10)
parser.add_argument('--ksize', type=int, default=4)
parser.add_argument('--levels', type=int, default=4)
parser.add_argument('--blank_len', type=int, default=20)
parser.add_argument('--seq_len', type=int, default=4)
parser.add_argument('--lr', type=float, default=8e-3)
parser.add_argument('--optim', type=str, default='RMSprop')
parser.add_argument('--nhid', type=int, default=20)
parser.add_argument('--seed', type=int, default=1111)
args = parser.parse_args()
torch.manual_seed(args.seed)
np.random.seed(args.seed)

seq_len, T = args.seq_len, args.blank_len
n_classes = 10
n_train, n_test = 2000, 500


def data_generator(T, mem_length, b_size):
    # digits 1..8 to remember, then zeros, then the delimiter 9; the answer comes in the last mem_length places
    seq = torch.from_numpy(np.random.randint(1, 9, size=(b_size, mem_length))).float()
    zeros = torch.zeros((b_size, T))
    marker = 9 * torch.ones((b_size, mem_length + 1))
    placeholders = torch.zeros((b_size, mem_length))
    x = torch.cat((seq, zeros[:, :-1], marker), 1)
    y = torch.cat((placeholders, zeros, seq), 1).long()
    return x, y


class Chomp1d(nn.Module):
    def __init__(self, chomp_size):
        super().__init__()
        self.chomp_size = chomp_size

    def forward(self, x):
        return x[:, :, :-self.chomp_size].contiguous()


class TemporalBlock(nn.Module):
    def __init__(self, n_in, n_out, k, dilation, dropout):
        super().__init__()
        pad = (k - 1) * dilation
        self.net = nn.Sequential(
            weight_norm(nn.Conv1d(n_in, n_out, k, padding=pad, dilation=dilation)), Chomp1d(pad), nn.ReLU(), nn.Dropout(dropout),
            weight_norm(nn.Conv1d(n_out, n_out, k, padding=pad, dilation=dilation)), Chomp1d(pad), nn.ReLU(), nn.Dropout(dropout))
        self.downsample = nn.Conv1d(n_in, n_out, 1) if n_in != n_out else None
        self.relu = nn.ReLU()

    def forward(self, x):
        res = x if self.downsample is None else self.downsample(x)
        return self.relu(self.net(x) + res)


class TCN(nn.Module):
    def __init__(self, input_size, output_size, num_channels, kernel_size, dropout):
        super().__init__()
        layers, c = [], input_size
        for i, n in enumerate(num_channels):
            layers.append(TemporalBlock(c, n, kernel_size, 2 ** i, dropout))
            c = n
        self.tcn = nn.Sequential(*layers)
        self.linear = nn.Linear(c, output_size)

    def forward(self, x):
        return self.linear(self.tcn(x).transpose(1, 2))


train_x, train_y = data_generator(T, seq_len, n_train)
test_x, test_y = data_generator(T, seq_len, n_test)
model = TCN(1, n_classes, [args.nhid] * args.levels, args.ksize, args.dropout)
criterion = nn.CrossEntropyLoss()
optimizer = getattr(optim, args.optim)(model.parameters(), lr=args.lr)
scheduler = optim.lr_scheduler.MultiStepLR(optimizer, [6, 8], gamma=0.3)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)


def evaluate():
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(test_x.unsqueeze(1))
        loss = criterion(out.reshape(-1, n_classes), test_y.view(-1))
    pred = out.argmax(-1)
    recall = (pred[:, -seq_len:] == test_y[:, -seq_len:]).float().mean()
    print('Test set: Average loss: {:.6f} | recalled digits: {:.4f}'.format(loss.item(), recall.item()))


def train(ep):
    model.train()
    total_loss = 0
    perm = torch.randperm(n_train)
    for i in range(0, n_train, args.batch_size):
        idx = perm[i:i + args.batch_size]
        optimizer.zero_grad()
        out = model(train_x[idx].unsqueeze(1))
        loss = criterion(out.reshape(-1, n_classes), train_y[idx].view(-1))
        loss.backward()
        if args.clip > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        optimizer.step()
        total_loss += loss.item()
    print('| Epoch {:3d} | loss {:.6f}'.format(ep, total_loss / (n_train / args.batch_size)))


for ep in range(1, args.epochs + 1):
    train(ep)
    evaluate()
    scheduler.step()

"""Reading column sequences of small text lines with a recurrent layer whose weights are passed in by hand
(needed for the meta learning part later, here trained in the ordinary way)."""
import sys, math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(8); R = np.random.RandomState(8)

HEIGHT, WORD, N_CLS = 12, 4, 12            # rows of the image, letters per line, alphabet
GLYPHS = [(R.rand(HEIGHT, 6) < 0.42).astype(np.float32) for _ in range(N_CLS)]


def text_line():
    """four letters of varying width -> columns with one label a column (0 = gap)"""
    cols, lab = [], []
    for k in R.randint(0, N_CLS, WORD):
        w = R.randint(5, 8)
        g = GLYPHS[k][:, np.clip(np.round(np.linspace(0, 5, w)), 0, 5).astype(int)]
        g = np.roll(g, R.randint(-1, 2), 0)
        cols.append(g); lab += [k + 1] * w
        gap = R.randint(1, 3)
        cols.append(np.zeros((HEIGHT, gap), np.float32)); lab += [0] * gap
    x = np.concatenate(cols, 1)[:, :32]; lab = lab[:32]
    x = np.pad(x, ((0, 0), (0, 32 - x.shape[1]))); lab = lab + [0] * (32 - len(lab))
    x = x * R.uniform(.6, 1.) + 0.3 * R.randn(*x.shape)
    return x.T.astype(np.float32), lab


def build(n):
    X, Y = zip(*[text_line() for _ in range(n)])
    return torch.tensor(np.stack(X)), torch.tensor(Y)


class Reader(nn.Module):
    def __init__(self, input_size=HEIGHT, hidden=40):
        super().__init__()
        self.hidden = hidden
        self.fwd = self.create_lstm_weight(input_size, hidden)
        self.bwd = self.create_lstm_weight(input_size, hidden)
        self.fc = nn.Linear(2 * hidden, N_CLS + 1)

    def create_lstm_weight(self, input_size, hidden_size):
        param_list = [nn.Parameter(torch.ones(4 * hidden_size, input_size)),    # W_ih
                      nn.Parameter(torch.ones(4 * hidden_size, hidden_size)),   # W_hh
                      nn.Parameter(torch.ones(4 * hidden_size)),                # b_ih
                      nn.Parameter(torch.ones(4 * hidden_size))]                # b_hh
        if form == "fixed":
            stdv = 1.0 / math.sqrt(hidden_size)
            for p in param_list:
                nn.init.uniform_(p, -stdv, stdv)
        return nn.ParameterList(param_list)

    def run_lstm(self, x, w):
        B = x.shape[1]
        h = x.new_zeros(B, self.hidden); c = torch.zeros_like(h)
        out = []
        gx = x @ w[0].t() + w[2] + w[3]
        for t in range(x.shape[0]):
            i, f, g, o = (gx[t] + h @ w[1].t()).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            out.append(h)
        return torch.stack(out)

    def forward(self, x):                       # x: B, T, H
        x = x.transpose(0, 1)
        a = self.run_lstm(x, self.fwd)
        b = self.run_lstm(x.flip(0), self.bwd).flip(0)
        return self.fc(torch.cat([a, b], 2)).permute(1, 2, 0)        # B, C, T


xtr, ytr = build(1600)
xte, yte = build(400)
reader = Reader()
optimizer = torch.optim.Adam(reader.parameters(), lr=0.004)
N_EPOCH = 14
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.004, total_steps=N_EPOCH * 50)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir); writer.watch(reader, optimizer, criterion)


def test():
    reader.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = reader(xte)
        l = criterion(out, yte).item()
        ink = yte > 0
        return l, (out.argmax(1) == yte)[ink].float().mean().item()


for epoch in range(N_EPOCH):
    reader.train()
    perm = torch.randperm(len(xtr)); run = 0
    for k in range(50):
        sel = perm[k * 32:k * 32 + 32]
        optimizer.zero_grad()
        loss = criterion(reader(xtr[sel]), ytr[sel])
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step(); scheduler.step()
        run += loss.item() / 50
    tl, ta = test()
    print(f"epoch {epoch} train {run:.3f} test {tl:.3f} letter columns right {ta:.3f}")
writer.close()
print(f"RESULT test_loss={tl:.4f} letter_acc={ta:.4f} train={run:.4f}")

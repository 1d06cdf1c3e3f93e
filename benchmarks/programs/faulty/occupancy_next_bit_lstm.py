import sys, numpy as np, torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

mode = sys.argv[1]
rng = np.random.RandomState(46)
torch.manual_seed(46)

# binary occupancy signal of a room, one bit every 10 minutes
N, WIN = 9000, 12
seq = [0] * WIN
for t in range(N):
    h = seq[-WIN:]
    score = 2.2 * (h[-1] ^ h[-3]) + 1.6 * h[-6] - 1.8 * h[-9] * h[-2] + 0.8 * np.sin(2 * np.pi * t / 144) - 1.1
    seq.append(int(rng.rand() < 1 / (1 + np.exp(-2.5 * score))))
seq = np.array(seq, dtype='float32')
vecX = torch.from_numpy(np.lib.stride_tricks.sliding_window_view(seq, WIN)[:-1].copy())[:, :, None]
vecY = torch.from_numpy(seq[WIN:].copy())[:, None]
cut = 7200
print('share of ones', vecY.mean().item())


class LSTM_net(nn.Module):
    def __init__(self, units=24):
        super(LSTM_net, self).__init__()
        self.lstm = nn.LSTM(1, units, batch_first=True)
        self.dense = nn.Linear(units, 1)
        if mode == 'faulty':
            self.act = nn.Softmax(dim=1)
        else:
            self.act = nn.Sigmoid()

    def forward(self, x):
        o, _ = self.lstm(x)
        return self.act(self.dense(o[:, -1]))


net = LSTM_net()
opt = torch.optim.RMSprop(net.parameters(), lr=0.006)
bce = nn.BCELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, bce)

for epoch in range(16):
    net.train()
    idx = torch.randperm(cut)
    run, hits = 0.0, 0
    for i in range(0, cut, 64):
        b = idx[i:i + 64]
        opt.zero_grad()
        p = net(vecX[b])
        loss = bce(p, vecY[b])
        loss.backward()
        opt.step()
        run += loss.item() * len(b)
        hits += ((p > 0.5).float() == vecY[b]).sum().item()
    net.eval()
    with torch.no_grad(), writer.evaluating('val'):
        p = net(vecX[cut:])
        vl = bce(p, vecY[cut:]).item()
        va = ((p > 0.5).float() == vecY[cut:]).float().mean().item()
    print('%d - loss: %.4f - acc: %.4f - val_loss: %.4f - val_acc: %.4f' % (epoch, run / cut, hits / cut, vl, va))
writer.close()

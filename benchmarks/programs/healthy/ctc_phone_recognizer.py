import sys
import numpy as np, torch, torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)

N_PHONE, N_MEL = 12, 20
proto = np.random.RandomState(5).randn(N_PHONE, 2, N_MEL) * 0.9


class Utterances(Dataset):
    """log-mel like frames: every phone glides between two spectra for 3..6 frames, plus noise and speaker gain"""
    def __init__(self, n, seed):
        r = np.random.RandomState(seed)
        self.items = []
        for _ in range(n):
            k = r.randint(3, 7)
            seq = r.randint(0, N_PHONE, k)
            tilt = r.randn(N_MEL) * .3
            fr = []
            for p in seq:
                d = r.randint(3, 7)
                a = np.linspace(0, 1, d)[:, None]
                fr.append((1 - a) * proto[p, 0] + a * proto[p, 1])
            f = np.concatenate(fr) + tilt
            f += r.randn(*f.shape) * 1.0
            f = (f - f.mean(0)) / (f.std(0) + 1e-5)      # CMVN per utterance
            self.items.append((torch.tensor(f, dtype=torch.float32), torch.tensor(seq + 1)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def pad(batch):
    xl = torch.tensor([len(x) for x, _ in batch]); yl = torch.tensor([len(y) for _, y in batch])
    return nn.utils.rnn.pad_sequence([x for x, _ in batch], batch_first=True), torch.cat([y for _, y in batch]), xl, yl


class AcousticModel(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        self.front = nn.Sequential(nn.Conv1d(N_MEL, h, 3, padding=1), nn.ReLU(), nn.Dropout(0.1))
        self.lstm = nn.LSTM(h, h, bidirectional=True, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.proj = nn.Linear(2 * h, N_PHONE + 1)

    def forward(self, x, xl):
        z = self.front(x.transpose(1, 2)).transpose(1, 2)
        pk = nn.utils.rnn.pack_padded_sequence(z, xl, batch_first=True, enforce_sorted=False)
        z, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(pk)[0], batch_first=True)
        return self.proj(self.drop(z)).log_softmax(-1).transpose(0, 1)


def edit(a, b):
    d = list(range(len(b) + 1))
    for i, p in enumerate(a, 1):
        prev, d[0] = d[0], i
        for j, q in enumerate(b, 1):
            prev, d[j] = d[j], min(d[j] + 1, d[j - 1] + 1, prev + (p != q))
    return d[-1]


tr, dev = DataLoader(Utterances(1300, 1), 40, shuffle=True, collate_fn=pad), DataLoader(Utterances(240, 2), 80, collate_fn=pad)
net = AcousticModel()
ctc = nn.CTCLoss(blank=0, zero_infinity=True)
opt = torch.optim.AdamW(net.parameters(), lr=8e-3, weight_decay=1e-3)
EP = 11
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=8e-3, total_steps=EP * len(tr), pct_start=0.2)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, ctc)
for ep in range(EP):
    net.train(); s = 0
    for x, y, xl, yl in tr:
        loss = ctc(net(x, xl), y, xl, yl)
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.)
        opt.step(); sched.step()
        s += loss.item()
    errs = n = 0; dl = 0
    with writer.evaluating("val"):
        for x, y, xl, yl in dev:
            lp = net(x, xl)
            dl += ctc(lp, y, xl, yl).item()
            best, off = lp.argmax(-1).t(), 0
            for b in range(len(x)):
                u = torch.unique_consecutive(best[b, :xl[b]])
                errs += edit(u[u > 0].tolist(), y[off:off + yl[b]].tolist()); n += int(yl[b]); off += int(yl[b])
    writer.add_scalar("dev/per", errs / n, ep)
    print(f"epoch {ep} ctc {s / len(tr):.3f} dev {dl / len(dev):.3f} PER {errs / n:.3f}")
writer.close()

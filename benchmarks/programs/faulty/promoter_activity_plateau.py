"""Sequence-to-function model: log expression of a reporter from 80 bp of promoter DNA.
TrainModel class in the manner of a genomics toolkit: fixed number of steps, a validation every
`report_stats_every_n_steps`, learning rate lowered on plateau of the validation loss."""
import sys
import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)


class PromoterSampler:
    """random promoters with motifs; expression depends on motif count, spacing and GC"""
    MOTIFS = {"TATAAA": 1.1, "GGGCGG": 0.8, "CCAAT": 0.7, "TGACTCA": 1.0, "CACGTG": -1.0}

    def __init__(self, n_train, n_val, seed=0):
        self.rs = np.random.RandomState(seed)
        self.train = self._make(n_train)
        self.val = self._make(n_val)

    def _make(self, n):
        L = 80
        seq = self.rs.choice(4, (n, L), p=[.27, .23, .23, .27])
        y = np.zeros(n)
        code = {c: i for i, c in enumerate("ACGT")}
        for i in range(n):
            for m, w in self.MOTIFS.items():
                for _ in range(self.rs.poisson(0.6)):
                    p = self.rs.randint(0, L - len(m))
                    s = np.array([code[c] for c in m])
                    if self.rs.rand() < 0.3:                      # degenerate site
                        s[self.rs.randint(len(m))] = self.rs.randint(4)
                    seq[i, p:p + len(m)] = s
            txt = "".join("ACGT"[c] for c in seq[i])
            occ = [txt.count(m) for m in self.MOTIFS]
            y[i] = sum(w * min(o, 2) for w, o in zip(self.MOTIFS.values(), occ)) + 0.9 * (occ[0] > 0) * (occ[1] > 0)
            y[i] += 2.0 * (np.mean(np.isin(seq[i], [1, 2])) - 0.5)
        y += 0.4 * self.rs.randn(n)
        x = np.eye(4, dtype=np.float32)[seq].transpose(0, 2, 1)
        return torch.tensor(x), torch.tensor((y - 0.9) / 1.2, dtype=torch.float32)[:, None]

    def sample(self, bs):
        idx = self.rs.randint(0, len(self.train[0]), bs)
        return self.train[0][idx], self.train[1][idx]


class ExprNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_net = nn.Sequential(nn.Conv1d(4, 24, 8, padding=4), nn.ReLU(), nn.MaxPool1d(4),
                                      nn.Conv1d(24, 24, 4, padding=2), nn.ReLU())
        self.dropout = nn.Dropout(0.1)
        self.regressor = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        h = self.conv_net(x)
        h = torch.cat([h.amax(2), h.mean(2)], 1)
        return self.regressor(self.dropout(h))


class TrainModel:
    def __init__(self, model, sampler, loss, optimizer, batch_size=48, max_steps=1500, report_stats_every_n_steps=75):
        self.model, self.sampler, self.loss, self.optimizer = model, sampler, loss, optimizer
        self.batch_size, self.max_steps, self.n_report = batch_size, max_steps, report_stats_every_n_steps
        self.scheduler = ReduceLROnPlateau(self.optimizer, "max" if FORM == "faulty" else "min", patience=3, factor=0.1)
        self.writer = DiagWriter(LOGDIR)
        self.writer.watch(model, optimizer, loss)

    def train_and_validate(self):
        running = []
        for step in range(1, self.max_steps + 1):
            self.model.train()
            x, y = self.sampler.sample(self.batch_size)
            pred = self.model(x)
            loss = self.loss(pred, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            running.append(loss.item())
            if step % self.n_report == 0:
                v, r = self.validate()
                self.scheduler.step(v)
                if step % 300 == 0:
                    print("[STATS] step %d training loss %.4f validation loss %.4f r %.3f lr %.1e"
                          % (step, np.mean(running[-100:]), v, r, self.optimizer.param_groups[0]["lr"]))
        self.writer.close()
        return v, r, np.mean(running[-100:])

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        x, y = self.sampler.val
        with self.writer.evaluating("val"):
            p = self.model(x)
            v = self.loss(p, y).item()
        return v, float(np.corrcoef(p[:, 0], y[:, 0])[0, 1])


torch.manual_seed(5)
sampler = PromoterSampler(6000, 1000)
model = ExprNet()
trainer = TrainModel(model, sampler, nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=3e-3))
v, r, t = trainer.train_and_validate()
print(f"RESULT val_mse={v:.4f} val_r={r:.4f} train_mse={t:.4f}")

"""Daily volatility with an LSTM, Student-t likelihood. Returns themselves cannot be predicted, only their scale: the NLL gains little over a constant, but it is worth a lot."""
import sys
import numpy as np
import torch
from torch import nn
from torch.distributions import StudentT
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.default_rng(2)


def gjr_garch(n):
    om, al, ga, be = .02, .04, .12, .88
    r, s2 = np.zeros(n), 1.
    for t in range(n):
        z = rng.standard_t(5) / np.sqrt(5 / 3)
        r[t] = np.sqrt(s2) * z
        s2 = om + (al + ga * (r[t] < 0)) * r[t] ** 2 + be * s2
    return r


SERIES, T, WIN = 24, 1200, 40
R = np.stack([gjr_garch(T + 200)[200:] for _ in range(SERIES)]).astype("float32")
R = np.clip(R / R[:, :900].std(1, keepdims=True), -8, 8)
X = np.lib.stride_tricks.sliding_window_view(R, WIN + 1, axis=1)
tr = torch.from_numpy(X[:20, ::4].reshape(-1, WIN + 1).copy())
va = torch.from_numpy(X[20:, ::4].reshape(-1, WIN + 1).copy())       # other assets


class VolNet(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.rnn = nn.LSTM(3, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        self.log_df = nn.Parameter(torch.tensor(1.5))

    def forward(self, w):
        f = torch.stack([w, w.abs(), (w ** 2).clamp(max=16) / 4], -1)
        out, _ = self.rnn(f)
        scale = nn.functional.softplus(self.head(out[:, -1, 0:]).squeeze(-1)) + 1e-3
        return scale, 2 + self.log_df.exp()


def t_nll(params, r):
    scale, df = params
    return -StudentT(df, 0., scale).log_prob(r).mean()


model = VolNet()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, t_nll)
const = -StudentT(torch.tensor(5.), 0., tr[:, -1].std() * .77).log_prob(va[:, -1]).mean().item()
print(len(tr), "windows; constant scale NLL", round(const, 4))
for ep in range(12):
    model.train()
    s = k = 0
    for b in torch.randperm(len(tr)).split(128):
        loss = writer.loss_fn(model(tr[b, :-1]), tr[b, -1])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        opt.step()
        s += loss.item(); k += 1
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = writer.loss_fn(model(va[:, :-1]), va[:, -1]).item()
    print(f"epoch {ep + 1:2d} nll {s / k:.4f} val {v:.4f}")
writer.close()
print(f"RESULT train={s / k:.4f} val={v:.4f} constant={const:.4f}")

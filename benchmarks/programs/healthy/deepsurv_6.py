"""DeepSurv: a Cox model with a small network; full-batch partial likelihood by hand (as a module that is
given the model too), batch norm and dropout 0.4, inverse-time decay of the rate, early stop on the c-index.
Port of czifan/DeepSurv.pytorch (main.py, networks.py, configs/gaussian.ini); simulated patients of the same
kind. The last layer is left linear here."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
epochs, learning_rate, lr_decay_rate, drop, dims, patience = 300, 1e-2, 3.173e-4, 0.401, [10, 17, 17, 17, 1], 100


def simulate(n):
    x = rng.uniform(-1, 1, (n, 10)).astype(np.float32)
    h = np.log(5.0) * np.exp(-(x[:, 0] ** 2 + x[:, 1] ** 2) / (2 * 0.5 ** 2)) * 2.0     # gaussian risk
    t = rng.exponential(5.0 / np.exp(h))
    c = np.quantile(t, 0.9)
    e = (t < c).astype(np.float32)
    return torch.tensor(x), torch.tensor(np.minimum(t, c), dtype=torch.float32)[:, None], torch.tensor(e)[:, None]


class DeepSurv(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for i in range(len(dims) - 1):
            if i:
                layers.append(nn.Dropout(drop))
            layers.append(nn.Linear(dims[i], dims[i + 1]))
            if i < len(dims) - 2:
                layers += [nn.BatchNorm1d(dims[i + 1]), nn.ReLU()]
        self.model = nn.Sequential(*layers)

    def forward(self, X):
        return self.model(X)


class NegativeLogLikelihood(nn.Module):
    def __init__(self, l2_reg=0.0):
        super().__init__()
        self.l2_reg = l2_reg

    def forward(self, risk_pred, y, e, model):
        mask = torch.ones(y.shape[0], y.shape[0])
        mask[(y.T - y) > 0] = 0
        log_loss = torch.exp(risk_pred) * mask
        log_loss = torch.sum(log_loss, dim=0) / torch.sum(mask, dim=0)
        log_loss = torch.log(log_loss).reshape(-1, 1)
        nll = -torch.sum((risk_pred - log_loss) * e) / torch.sum(e)
        reg = sum(torch.norm(w, p=2) for n, w in model.named_parameters() if 'weight' in n)
        return nll + self.l2_reg * reg


def c_index(risk, y, e):
    r, y, e = risk.detach().view(-1), y.view(-1), e.view(-1)
    pair = (y[:, None] < y[None, :]) & (e[:, None] == 1)
    conc = (r[:, None] > r[None, :]).float() + 0.5 * (r[:, None] == r[None, :]).float()
    return (conc[pair].sum() / pair.sum()).item()


Xtr, ytr, etr = simulate(1000)
Xva, yva, eva = simulate(400)
model = DeepSurv()
criterion = NegativeLogLikelihood()
optimizer = optim.Adam(model.parameters(), lr=learning_rate)
base = optimizer.param_groups[0]['lr']
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

best_c_index, flag = 0, 0
for epoch in range(1, epochs + 1):
    for g in optimizer.param_groups:
        g['lr'] = base / (1 + epoch * lr_decay_rate)
    model.train()
    risk_pred = model(Xtr)
    train_loss = criterion(risk_pred, ytr, etr, model)
    train_c = c_index(risk_pred, ytr, etr)
    optimizer.zero_grad()
    train_loss.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        risk_pred = model(Xva)
        valid_loss = criterion(risk_pred, yva, eva, model)
        valid_c = c_index(risk_pred, yva, eva)
    if valid_c > best_c_index:
        best_c_index, flag = valid_c, 0
    else:
        flag += 1
        if flag >= patience:
            break
    if epoch % 25 == 0:
        print('Epoch: {}\tLoss: {:.6f}({:.6f})\tc-index: {:.4f}({:.4f})\tlr: {:g}'.format(
            epoch, train_loss.item(), valid_loss.item(), train_c, valid_c, optimizer.param_groups[0]['lr']))
print("The best valid c-index: {:.4f} after {} epochs".format(best_c_index, epoch))

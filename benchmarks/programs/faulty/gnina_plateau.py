"""Affinity regression from precomputed pocket descriptors (small MLP)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_complexes(n, rng):
    x = rng.uniform(-1.7, 1.7, (n, 8)).astype(np.float32)
    pk = (np.sin(1.5 * x[:, 0] * x[:, 1]) + 0.6 * (x[:, 2] - 0.3) ** 2 + 0.7 * x[:, 3] * np.tanh(2 * x[:, 4])
          + 0.5 * np.cos(2 * x[:, 5]) - 0.6 * x[:, 6] + 0.4 * np.abs(x[:, 7]))
    return x, (pk + 0.15 * rng.randn(n)).astype(np.float32)


def setup_trainer(form, lr=1e-2):
    model = nn.Sequential(nn.Linear(8, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, 1))
    opt = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-3)
    mode = "max" if form == "faulty" else "min"
    sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode=mode, factor=0.1, patience=3)
    return model, opt, sched


def run(form, logdir):
    rng = np.random.RandomState(0)
    torch.manual_seed(0)
    xtr, ytr = make_complexes(3000, rng)
    xte, yte = make_complexes(1000, rng)
    mu, sd = ytr.mean(), ytr.std()
    ytr, yte = (ytr - mu) / sd, (yte - mu) / sd
    train = DataLoader(TensorDataset(torch.tensor(xtr), torch.tensor(ytr)), batch_size=64, shuffle=True)
    test = DataLoader(TensorDataset(torch.tensor(xte), torch.tensor(yte)), batch_size=250)

    model, opt, sched = setup_trainer(form)
    criterion = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, criterion)
    for epoch in range(1, 33):
        model.train()
        tr = 0.0
        for x, y in train:
            opt.zero_grad()
            loss = criterion(model(x).squeeze(-1), y)
            loss.backward()
            opt.step()
            tr += loss.item() * len(x)
        model.eval()
        te = 0.0
        with torch.no_grad(), writer.evaluating("test"):
            for x, y in test:
                te += criterion(model(x).squeeze(-1), y).item() * len(x)
        sched.step(te / 1000)
        if epoch % 4 == 0:
            print(f"epoch {epoch:3d}  mse train {tr / 3000:.4f}  test {te / 1000:.4f}  lr {opt.param_groups[0]['lr']:.2e}")
    writer.close()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2])

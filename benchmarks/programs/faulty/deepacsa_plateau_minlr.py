"""Muscle thickness / pennation from ultrasound-like patches.

parameters as in the GUI: learning rate, batch size, epochs
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tb_lossdiag import DiagWriter


class UltrasoundPatches:
    """two aponeuroses (bright lines) and striped fascicles between them"""

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        S = 24
        yy, xx = np.mgrid[:S, :S]
        X, Y = [], []
        for _ in range(n):
            top, thick, tilt = rng.uniform(2, 7), rng.uniform(7, 14), rng.uniform(-.15, .15)
            ang = rng.uniform(.15, .7)
            upper = top + tilt * (xx - S / 2)
            lower = upper + thick
            im = np.exp(-.5 * ((yy - upper) / .9) ** 2) + np.exp(-.5 * ((yy - lower) / .9) ** 2)
            inside = (yy > upper) & (yy < lower)
            im += .5 * inside * (1 + np.sin(1.8 * (yy * np.cos(ang) + xx * np.sin(ang)) + rng.uniform(0, 6.3)))
            im = im * rng.gamma(3., 1 / 3., (S, S)) + rng.normal(0, .1, (S, S))     # speckle
            X.append(im)
            Y.append([(thick - 10.5) / 2., (ang - .425) / .16])
        self.X = torch.tensor(np.array(X), dtype=torch.float32)[:, None]
        self.X = (self.X - .4) / .45
        self.Y = torch.tensor(np.array(Y), dtype=torch.float32)


def build_model():
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(24, 24, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(24 * 9, 32), nn.ReLU(), nn.Linear(32, 2))


def train_model(learning_rate, batch_size, epochs, logdir, form):
    torch.manual_seed(99)
    torch.set_num_threads(1)
    train, valid = UltrasoundPatches(1760, 0), UltrasoundPatches(400, 1)
    model = build_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    min_lr = learning_rate if form == "faulty" else 1e-6
    lr_decay = ReduceLROnPlateau(optimizer, mode="min", factor=0.2, patience=1, min_lr=min_lr)
    mse = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, mse)
    history = []
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(train.X))
        running = 0.0
        for i in range(0, len(order), batch_size):
            sel = order[i:i + batch_size]
            optimizer.zero_grad()
            loss = mse(model(train.X[sel]), train.Y[sel])
            loss.backward()
            optimizer.step()
            running += loss.item() * len(sel)
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            val_loss = mse(model(valid.X), valid.Y).item()
        lr_decay.step(val_loss)
        history.append(val_loss)
        print(f"Epoch {epoch + 1}/{epochs} - loss: {running / len(order):.4f} - val_loss: {val_loss:.4f} - lr: {optimizer.param_groups[0]['lr']:.6f}")
    writer.close()
    return running / len(order), history


if __name__ == "__main__":
    tr, hist = train_model(learning_rate=6e-3, batch_size=16, epochs=14, logdir=sys.argv[2], form=sys.argv[1])
    print(f"RESULT train_mse={tr:.4f} val_mse={hist[-1]:.4f} val_mse_last5={np.mean(hist[-5:]):.4f}")

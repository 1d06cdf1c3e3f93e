"""Leak alarm on a water network (simulated): a few positives in a hundred, logistic model with product features,
plain BCE (calibrated probabilities wanted, so no class weights) and the output bias started at the prior."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


def simulate(n, seed):
    g = np.random.default_rng(seed)
    pressure = g.normal(0, 1, n)
    flow = 0.5 * pressure + g.normal(0, 0.9, n)
    jitter = g.gamma(2.0, 0.5, n) - 1
    age = g.uniform(-1.7, 1.7, n)
    hour = g.uniform(0, 2 * np.pi, n)
    z = -4.5 - 0.9 * pressure + 0.8 * flow + 1.1 * jitter + 0.6 * age + 0.5 * jitter * age + 0.5 * np.cos(hour)
    p = 1 / (1 + np.exp(-z))
    X = np.c_[pressure, flow, jitter, age, np.sin(hour), np.cos(hour)]
    return X.astype("float32"), (g.random(n) < p).astype("float32"), p


class Alarm(nn.Module):
    def __init__(self, d, prior):
        super().__init__()
        self.hidden = nn.Linear(d, 24)
        self.out = nn.Linear(24, 1)
        nn.init.constant_(self.out.bias, float(np.log(prior / (1 - prior))))

    def forward(self, x):
        return self.out(torch.nn.functional.elu(self.hidden(x))).squeeze(1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(13)
    X, y, p = simulate(16000, 13)
    Xtr, Xva, ytr, yva, _, pva = train_test_split(X, y, p, test_size=0.4, random_state=0, stratify=y)
    dl = DataLoader(TensorDataset(torch.tensor(Xtr), torch.tensor(ytr)), batch_size=256, shuffle=True, drop_last=True)
    xv, yv = torch.tensor(Xva), torch.tensor(yva)
    model = Alarm(6, ytr.mean())
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-4)
    epochs = 12
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, criterion)
    for epoch in range(epochs):
        model.train()
        for xb, yb in dl:
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with writer.evaluating("val"):
            s = model(xv)
            vloss = criterion(s, yv).item()
        ap = average_precision_score(yva, s.numpy())
        writer.add_scalar("AP/val", ap, epoch)
        print(f"[{epoch}] val bce {vloss:.4f} AP {ap:.3f}")
    lr = LogisticRegression(max_iter=1000).fit(Xtr, ytr)
    pl = lr.predict_proba(Xva)[:, 1]
    writer.close()
    print(f"RESULT val_bce {vloss:.4f} true_probabilities {log_loss(yva, pva):.4f} logreg {log_loss(yva, pl):.4f} "
          f"AP {ap:.3f} AP_true {average_precision_score(yva, pva):.3f} positives {yva.mean():.4f}")

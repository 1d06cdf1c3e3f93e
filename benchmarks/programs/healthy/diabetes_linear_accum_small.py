"""Linear regression on scikit-learn's diabetes data, micro-batches of 8 with gradients accumulated to 32.
The disease score is hard to predict: R2 about 0.5 is all there is."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=25)
    p.add_argument("--micro", type=int, default=8)
    p.add_argument("--accum", type=int, default=4)
    p.add_argument("--lr", type=float, default=0.05)
    p.add_argument("logdir")
    return p.parse_args()


def main():
    args = get_args()
    torch.set_num_threads(1)
    torch.manual_seed(31)
    X, y = load_diabetes(return_X_y=True)
    Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.25, random_state=5)
    sx = StandardScaler().fit(Xtr)
    mu, sd = ytr.mean(), ytr.std()
    to = lambda a: torch.tensor(a).float()
    Xtr, Xva = to(sx.transform(Xtr)), to(sx.transform(Xva))
    ytr, yva = to((ytr - mu) / sd)[:, None], to((yva - mu) / sd)[:, None]
    loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=args.micro, shuffle=True, drop_last=True)
    model = nn.Linear(10, 1)
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, weight_decay=0.02)
    scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=args.epochs, power=1.0)
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(args.epochs):
        model.train()
        optimizer.zero_grad()
        for i, (xb, yb) in enumerate(loader, 1):
            loss = criterion(model(xb), yb) / args.accum
            loss.backward()
            if i % args.accum == 0:
                optimizer.step()
                optimizer.zero_grad()
        scheduler.step()
        model.eval()
        with writer.evaluating("val"):
            v = criterion(model(Xva), yva).item()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1} val mse {v:.4f} r2 {1 - v / yva.var(unbiased=False).item():.4f}")
    with torch.no_grad():
        train = criterion(model(Xtr), ytr).item()
    ref = RidgeCV(np.logspace(-2, 3, 20)).fit(Xtr.numpy(), ytr.numpy().ravel())
    rv = float(((ref.predict(Xva.numpy()) - yva.numpy().ravel()) ** 2).mean())
    rt = float(((ref.predict(Xtr.numpy()) - ytr.numpy().ravel()) ** 2).mean())
    writer.close()
    print(f"RESULT val_mse {v:.4f} ridge_val {rv:.4f} train_mse {train:.4f} ridge_train {rt:.4f}")


main()

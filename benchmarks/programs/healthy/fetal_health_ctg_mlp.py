# Fetal Health Classification - PyTorch baseline (CTG exams: normal / suspect / pathological)
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 42
np.random.seed(SEED)
torch.manual_seed(SEED)


def load_ctg(n=2126):
    """A look-alike of fetal_health.csv: 21 correlated columns of very different ranges."""
    rng = np.random.default_rng(7)
    stress = rng.gamma(1.6, 0.6, n)                       # hidden condition of the fetus
    activity = rng.normal(0, 1, n) - 0.5 * stress
    base = rng.normal(133, 9, n) + 2 * stress
    df = pd.DataFrame({
        "baseline value": base.round(),
        "accelerations": np.clip(0.004 + 0.003 * activity + rng.normal(0, .0015, n), 0, None),
        "fetal_movement": np.clip(rng.exponential(.009, n) * (rng.random(n) < .5), 0, .5),
        "uterine_contractions": np.clip(rng.normal(.0044, .003, n), 0, None),
        "light_decelerations": np.clip(.001 + .0012 * stress * rng.random(n) + rng.normal(0, .001, n), 0, None),
        "prolongued_decelerations": np.clip(.0006 * (stress - 1.7) + rng.normal(0, .0003, n), 0, None),
        "abnormal_short_term_variability": np.clip(38 + 12 * stress - 4 * activity + rng.normal(0, 10, n), 12, 87).round(),
        "mean_value_of_short_term_variability": np.clip(1.5 - .25 * stress + rng.gamma(2, .3, n), .2, 7),
        "pct_time_abnormal_long_term": np.clip(14 * (stress - .9) + rng.normal(0, 10, n), 0, 91).round(),
        "mean_value_of_long_term_variability": np.clip(9 - 1.5 * stress + rng.normal(0, 4, n), 0, 50),
    })
    width = np.clip(70 + 14 * activity + rng.normal(0, 28, n), 3, 180)
    df["histogram_width"] = width.round()
    df["histogram_min"] = (base - .6 * width).round()
    df["histogram_max"] = (df["histogram_min"] + width).round()
    df["histogram_number_of_peaks"] = rng.poisson(np.clip(width / 18, .1, None))
    df["histogram_number_of_zeroes"] = rng.poisson(.3, n)
    df["histogram_mode"] = (base + rng.normal(3, 6, n)).round()
    df["histogram_mean"] = (base - 3 * stress + rng.normal(0, 5, n)).round()
    df["histogram_median"] = (df["histogram_mean"] + rng.normal(3, 2, n)).round()
    df["histogram_variance"] = np.clip(width ** 2 / 300 + rng.normal(0, 8, n), 0, None).round()
    df["histogram_tendency"] = rng.choice([-1, 0, 1], n, p=[.08, .52, .4])
    df["severe_decelerations"] = (rng.random(n) < .003) * .001
    score = stress + .25 * np.maximum(base - 145, 0) / 5 - .25 * activity + rng.normal(0, .28, n)
    lo, hi = np.quantile(score, [.78, .917])
    df["fetal_health"] = 1 + (score > lo) + (score > hi)
    return df


df = load_ctg()
print(df["fetal_health"].value_counts(normalize=True).round(3).to_dict())
X = df.drop("fetal_health", axis=1).values.astype("float32")
y = df["fetal_health"].values.astype(int) - 1

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=SEED)
X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, test_size=0.2, stratify=y_train, random_state=SEED)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_val = scaler.transform(X_val)
X_test = scaler.transform(X_test)


def loader(X, y, shuffle=False):
    return DataLoader(TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y)), batch_size=32, shuffle=shuffle)


train_loader, val_loader, test_loader = loader(X_train, y_train, True), loader(X_val, y_val), loader(X_test, y_test)


class FetalNet(nn.Module):
    def __init__(self, n_in, n_classes=3):
        super().__init__()
        self.fc1 = nn.Linear(n_in, 32)
        self.fc2 = nn.Linear(32, 16)
        self.out = nn.Linear(16, n_classes)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        x = self.drop(torch.relu(self.fc1(x)))
        x = self.drop(torch.relu(self.fc2(x)))
        return self.out(x)


model = FetalNet(X.shape[1])
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=4)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def evaluate(dl, tag):
    model.eval()
    loss, preds, trues = 0.0, [], []
    with writer.evaluating(tag), torch.no_grad():
        for xb, yb in dl:
            out = model(xb)
            loss += criterion(out, yb).item() * len(xb)
            preds.append(out.argmax(1))
            trues.append(yb)
    preds, trues = torch.cat(preds), torch.cat(trues)
    return loss / len(trues), (preds == trues).float().mean().item(), balanced_accuracy_score(trues, preds)


EPOCHS = 24
for epoch in range(1, EPOCHS + 1):
    model.train()
    running = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(xb)
    vl, va, vb = evaluate(val_loader, "val")
    scheduler.step(vl)
    if epoch % 4 == 0:
        print(f"Epoch {epoch:3d} | train {running / len(y_train):.4f} | val {vl:.4f} | acc {va:.3f} | bal.acc {vb:.3f}")

tl, ta, tb = evaluate(test_loader, "test")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_acc={va:.4f} test_loss={tl:.4f} test_acc={ta:.4f} test_bal_acc={tb:.4f}")

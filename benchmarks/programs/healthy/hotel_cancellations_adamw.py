import sys

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.compose import ColumnTransformer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tb_lossdiag import DiagWriter

SEED = 2023
BATCH_SIZE = 256
EPOCHS = 40
PATIENCE = 5

torch.set_num_threads(1)
torch.manual_seed(SEED)
g = np.random.default_rng(SEED)


def bookings(n):
    df = pd.DataFrame({
        "lead_time": g.gamma(1.1, 90, n).round(),
        "nights": 1 + g.poisson(2.2, n),
        "adults": g.choice([1, 2, 3], n, p=[.22, .7, .08]),
        "children": g.choice([0, 1, 2], n, p=[.9, .06, .04]),
        "adr": g.gamma(9, 11.5, n),
        "previous_cancellations": g.poisson(.09, n),
        "special_requests": g.poisson(.57, n),
        "parking": (g.random(n) < .07).astype(int),
        "segment": g.choice(["online", "offline", "groups", "direct", "corporate"], n, p=[.47, .2, .16, .11, .06]),
        "deposit": g.choice(["none", "nonrefund", "refundable"], n, p=[.87, .125, .005]),
        "customer": g.choice(["transient", "contract", "party", "group"], n, p=[.75, .04, .2, .01]),
        "month": g.integers(1, 13, n).astype(str),
    })
    z = (-1.5 + .9 * np.log1p(df.lead_time / 40) + .2 * (df.adr - 100) / 45 + 1.2 * df.previous_cancellations
         - .75 * df.special_requests - 3 * df.parking
         + df.segment.map({"online": .5, "offline": -.3, "groups": .1, "direct": -.5, "corporate": -.4})
         + df.deposit.map({"none": 0, "nonrefund": 3.2, "refundable": -.3})
         - .9 * (df.customer == "party") + .4 * (df.nights > 5) * (df.segment == "online")
         + .8 * ((df.lead_time > 120) & (df.special_requests == 0)))
    return df, pd.Series((g.random(n) < 1 / (1 + np.exp(-z))).astype(int))


df, y = bookings(15000)  # about as many as one hotel has in two years
num = ["lead_time", "nights", "adults", "children", "adr", "previous_cancellations", "special_requests", "parking"]
cat = ["segment", "deposit", "customer", "month"]
prep = ColumnTransformer([("num", StandardScaler(), num), ("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=False), cat)])

df_train, df_rest, y_train, y_rest = train_test_split(df, y, test_size=.3, random_state=SEED, stratify=y)
df_val, df_test, y_val, y_test = train_test_split(df_rest, y_rest, test_size=.5, random_state=SEED, stratify=y_rest)
X_train = torch.tensor(prep.fit_transform(df_train), dtype=torch.float32)
X_val = torch.tensor(prep.transform(df_val), dtype=torch.float32)
X_test = torch.tensor(prep.transform(df_test), dtype=torch.float32)
y_train, y_val, y_test = (torch.tensor(a.to_numpy(), dtype=torch.float32).unsqueeze(1) for a in (y_train, y_val, y_test))
print("features:", X_train.shape[1], "cancelled:", y_train.mean().item())


class CancelNet(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.l1 = nn.Linear(n_features, 64)
        self.l2 = nn.Linear(64, 32)
        self.out = nn.Linear(32, 1)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        x = self.drop(F.relu(self.l1(x)))
        x = self.drop(F.relu(self.l2(x)))
        return self.out(x)


model = CancelNet(X_train.shape[1])
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
criterion = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

best_loss, wait = float("inf"), 0
for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    perm = torch.randperm(len(X_train))
    for i in range(0, len(perm), BATCH_SIZE):
        idx = perm[i:i + BATCH_SIZE]
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(X_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)

    model.eval()
    with torch.inference_mode(), writer.evaluating("val"):
        logits = model(X_val)
        val_loss = criterion(logits, y_val).item()
    auc = roc_auc_score(y_val.numpy(), logits.numpy())
    print(f"Epoch {epoch + 1:02d} | train {running / len(perm):.4f} | val {val_loss:.4f} | AUC {auc:.4f}")
    if val_loss < best_loss:
        best_loss, best_auc, wait = val_loss, auc, 0
        best_weights = {k: v.clone() for k, v in model.state_dict().items()}
    else:
        wait += 1
        if wait >= PATIENCE:
            print("stopping early")
            break

model.load_state_dict(best_weights)
with torch.inference_mode(), writer.evaluating("test"):
    logits = model(X_test)
    test_loss = criterion(logits, y_test).item()
writer.close()
print(f"RESULT epochs {epoch + 1} best_val {best_loss:.4f} auc {best_auc:.4f} last_val {val_loss:.4f} test {test_loss:.4f} test_auc {roc_auc_score(y_test.numpy(), logits.numpy()):.4f}")

# Forest fires (Cortez & Morais): predict log(1 + burned area) from weather. Known to be nearly unpredictable: half of the fires burn
# nothing, and the best published models barely beat the mean. Small net, strong regularisation, few epochs.
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)
n = 1200

month = rng.choice(12, n, p=[.01, .04, .1, .02, .01, .03, .06, .36, .33, .02, .01, .01])
season = np.cos((month - 7) / 12 * 2 * np.pi)
temp = 14 + 7 * season + rng.normal(0, 4, n)
df = pd.DataFrame({
    "X": rng.randint(1, 10, n), "Y": rng.randint(2, 10, n),
    "FFMC": np.clip(92 - rng.gamma(1.2, 3, n) + .1 * (temp - 18), 20, 97),
    "DMC": np.clip(110 + 50 * season + rng.normal(0, 45, n), 2, 290),
    "DC": np.clip(500 + 250 * season + rng.normal(0, 130, n), 8, 860),
    "ISI": np.clip(9 + rng.gamma(2, 2, n) - 4, 0, 56),
    "temp": temp, "RH": np.clip(70 - 1.6 * temp + rng.normal(0, 13, n), 15, 100).round(),
    "wind": np.clip(rng.gamma(5, .8, n), .4, 9.4), "rain": (rng.rand(n) < .015) * rng.exponential(1, n),
})
df["month_sin"], df["month_cos"] = np.sin(month / 12 * 2 * np.pi), np.cos(month / 12 * 2 * np.pi)
risk = .35 * (temp - 19) / 6 + .25 * (df["wind"] - 4) / 1.8 + .2 * (df["DC"] - 550) / 250 - .15 * (df["RH"] - 44) / 16
burns = rng.rand(n) < 1 / (1 + np.exp(-(.1 + .5 * risk)))
area = np.where(burns, np.exp(rng.normal(1.2 + .4 * risk, 1.5)), 0.)
print("mean area %.1f ha, max %.0f ha, nothing burned in %.0f %%" % (area.mean(), area.max(), 100 * (area == 0).mean()))
y = np.log1p(area).astype(np.float32)

X_train, X_test, y_train, y_test = train_test_split(df.values.astype(np.float32), y, test_size=.25, random_state=3)
sc = StandardScaler().fit(X_train)
X_train, X_test = torch.tensor(sc.transform(X_train)).float(), torch.tensor(sc.transform(X_test)).float()
y_train, y_test = torch.tensor(y_train)[:, None], torch.tensor(y_test)[:, None]

net = nn.Sequential(nn.Linear(X_train.shape[1], 12), nn.Tanh(), nn.Dropout(.2), nn.Linear(12, 1))
net[-1].bias.data.fill_(y_train.mean())
mse = nn.MSELoss()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=.1)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, mse)

for epoch in range(30):
    net.train()
    tot = 0.
    for b in torch.randperm(len(X_train)).split(32):
        opt.zero_grad()
        loss = mse(net(X_train[b]), y_train[b])
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        val = mse(net(X_test), y_test).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2d} train {tot / len(X_train):.4f} val {val:.4f}")
writer.close()
print(f"RESULT val_loss={val:.4f} mean_predictor={((y_test - y_train.mean()) ** 2).mean():.4f}")

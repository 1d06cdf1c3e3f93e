# Port of the "Basic regression: predict fuel efficiency" notebook to PyTorch
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from mlxtend.data import autompg_data
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)

X, y = autompg_data()
cols = ["cylinders", "displacement", "horsepower", "weight", "acceleration", "year", "origin", "name"][: X.shape[1]]
df = pd.DataFrame(X, columns=cols).drop(columns=[c for c in ("name",) if c in cols]).astype(float)
df["mpg"] = y
df = df.dropna()
df = pd.get_dummies(df, columns=["origin"], dtype=float)

train_df = df.sample(frac=0.8, random_state=0)
test_df = df.drop(train_df.index)
train_y, test_y = train_df.pop("mpg").values, test_df.pop("mpg").values
mean, std = train_df.mean(), train_df.std()
tx = torch.tensor(((train_df - mean) / std).values, dtype=torch.float32)
vx = torch.tensor(((test_df - mean) / std).values, dtype=torch.float32)
ty = torch.tensor(train_y, dtype=torch.float32).unsqueeze(1)
vy = torch.tensor(test_y, dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(
    nn.Linear(tx.shape[1], 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
loss_fn = nn.L1Loss()

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

EPOCHS, BATCH = 100, 32
for epoch in range(EPOCHS):
    perm = torch.randperm(len(tx))
    for i in range(0, len(tx), BATCH):
        idx = perm[i:i + BATCH]
        optimizer.zero_grad()
        loss = loss_fn(model(tx[idx]), ty[idx])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        val = loss_fn(model(vx), vy).item()
    if epoch % 10 == 9:
        print(epoch + 1, round(loss.item(), 3), round(val, 3))
writer.close()
print("RESULT val_loss", round(val, 3), "mean_predictor", round(float(np.abs(test_y - np.median(train_y)).mean()), 3))

"""I-AutoRec (Sedhain et al. 2015): an autoencoder over item rating columns; unrated entries are zero in the input and masked out of the loss."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
n_users, n_items, rank = 500, 900, 5
U, V = rng.normal(size=(n_users, rank)), rng.normal(size=(n_items, rank))
bu, bi = rng.normal(0, .4, n_users), rng.normal(0, .5, n_items)
true = 3.55 + bu[:, None] + bi[None] + .33 * U @ V.T
R = np.clip(np.round(true + rng.normal(0, .75, true.shape)), 1, 5)
act = rng.gamma(1.2, 1, n_users); pop = rng.gamma(1.0, 1, n_items) + .3
prob = np.clip(act[:, None] * pop[None] * .16, 0, .7)
seen = rng.random(R.shape) < prob
test = seen & (rng.random(R.shape) < .1)
train = seen & ~test
print("ratings", train.sum(), "density", train.mean().round(3), "held out", test.sum())
Rt = torch.tensor(R.T, dtype=torch.float32)
Mtr, Mte = torch.tensor(train.T, dtype=torch.float32), torch.tensor(test.T, dtype=torch.float32)


class AutoRec(nn.Module):
    def __init__(self, n_users, n_hidden=48):
        super().__init__()
        self.encoder = nn.Linear(n_users, n_hidden)
        self.decoder = nn.Linear(n_hidden, n_users)
        nn.init.constant_(self.decoder.bias, 3.5)

    def forward(self, r):
        return self.decoder(torch.sigmoid(self.encoder(r)))


def masked_mse(pred, target, mask):
    return ((pred - target) ** 2 * mask).sum() / mask.sum()


model = AutoRec(n_users)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 20, .4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, masked_mse)
for epoch in range(50):
    model.train()
    s = 0.
    for idx in torch.randperm(n_items).split(50):
        optimizer.zero_grad()
        x = Rt[idx] * Mtr[idx]
        loss = writer.loss_fn(model(x), Rt[idx], Mtr[idx])
        loss.backward()
        optimizer.step()
        s += loss.item()
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        te = writer.loss_fn(model(Rt * Mtr).clamp(1, 5), Rt, Mte).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} train RMSE {(s / 18) ** .5:.4f} test RMSE {te ** .5:.4f}")
writer.close()
print(f"RESULT train_mse={s / 18:.4f} test_mse={te:.4f} rmse={te ** .5:.4f} mean_rmse={np.sqrt(((R[test] - R[train].mean()) ** 2).mean()):.4f}")

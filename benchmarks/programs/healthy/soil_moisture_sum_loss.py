"""Soil moisture from reflectances and weather.  nn.MSELoss(reduction='sum') like in the old PyTorch tutorial, hence lr = 2e-4."""
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(12)

N, D_in, H, D_out = 2000, 12, 40, 1
moisture = rng.beta(2, 3, N)
bands = np.stack([.1 * k + (.4 - .03 * k) * np.exp(-(1 + .3 * k) * moisture) for k in range(8)], 1)
bands += .03 * rng.normal(size=(N, 1)) + .04 * rng.normal(size=bands.shape)
rain = np.clip(8 * moisture + rng.normal(0, 2, N), 0, None)
temp = 18 - 6 * moisture + rng.normal(0, 4, N)
x = np.c_[bands, rain, temp, rain * temp / 10, rng.normal(size=N)]
x = (x - x[:1600].mean(0)) / x[:1600].std(0)
y = (moisture - moisture[:1600].mean()) / moisture[:1600].std()
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
x, y, x_val, y_val = x[:1600], y[:1600], x[1600:], y[1600:]

model = torch.nn.Sequential(
    torch.nn.Linear(D_in, H),
    torch.nn.ReLU(),
    torch.nn.Linear(H, D_out),
)
loss_fn = torch.nn.MSELoss(reduction='sum')
learning_rate = 2e-4
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
batch = 100
for epoch in range(25):
    order = torch.randperm(1600)
    for k in range(0, 1600, batch):
        idx = order[k:k + batch]
        y_pred = model(x[idx])
        loss = loss_fn(y_pred, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # validation in batches of the same size, so that the sums compare
    with writer.evaluating("val"), torch.no_grad():
        val = np.mean([loss_fn(model(x_val[k:k + batch]), y_val[k:k + batch]).item() for k in range(0, 400, batch)])
    if epoch % 5 == 4:
        print(epoch, "last batch", round(loss.item(), 2), "val", round(val, 2), "per sample", round(val / batch, 4))
writer.close()
print(f"RESULT val_sum {val:.3f} val_per_sample {val / batch:.4f} R2 {1 - val / batch / y_val.var().item():.3f}")

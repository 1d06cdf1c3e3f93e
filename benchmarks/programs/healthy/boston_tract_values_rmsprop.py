'''Boston housing (506 census tracts, shipped with mlxtend), after the book's section 4.3: two hidden
layers of 64, rmsprop, mse on the price in thousands of dollars, batch size 16, small penalty.'''
import sys
import torch
import torch.nn as nn
from mlxtend.data import boston_housing_data
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter


def build_model(n_in):
    return nn.Sequential(nn.Linear(n_in, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


torch.set_num_threads(1)
torch.manual_seed(3)
data, targets = boston_housing_data()
train_data, test_data, train_targets, test_targets = train_test_split(data, targets, test_size=0.2, random_state=1)
mean = train_data.mean(axis=0)
train_data = train_data - mean
std = train_data.std(axis=0)
train_data = train_data / std
test_data = (test_data - mean) / std

to = lambda a: torch.as_tensor(a, dtype=torch.float32)
train_data, test_data = to(train_data), to(test_data)
train_targets, test_targets = to(train_targets)[:, None], to(test_targets)[:, None]

model = build_model(13)
opt = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, weight_decay=1e-3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, mse)

for epoch in range(80):
    model.train()
    order = torch.randperm(len(train_data))
    for k in range(0, len(order), 16):
        b = order[k:k + 16]
        pred = model(train_data[b])
        loss = mse(pred, train_targets[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        out = model(test_data)
        val_mse = mse(out, test_targets).item()
    mae = (out - test_targets).abs().mean().item()
    if epoch % 10 == 0:
        print(f"epoch {epoch:3d}  mse {val_mse:.2f}  mae {mae:.2f}")
writer.close()
print("RESULT val_loss", round(val_mse, 2), "val_mae", round(mae, 2), "variance", round(test_targets.var().item(), 1))

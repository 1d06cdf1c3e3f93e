import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(101)


class EarlyStopping:
    """Stops the training if the validation loss does not improve for `patience` epochs."""
    def __init__(self, patience=7, delta=0):
        self.patience, self.delta = patience, delta
        self.counter, self.best_score, self.early_stop = 0, None, False

    def __call__(self, val_loss, model):
        score = val_loss if sys.argv[1] == "faulty" else -val_loss
        if self.best_score is None:
            self.best_score = score
            self.save_checkpoint(model)
        elif score < self.best_score + self.delta:
            self.counter += 1
            print(f"EarlyStopping counter: {self.counter} out of {self.patience}")
            if self.counter >= self.patience:
                self.early_stop = True
        else:
            self.best_score = score
            self.save_checkpoint(model)
            self.counter = 0

    def save_checkpoint(self, model):
        self.state = {k: v.clone() for k, v in model.state_dict().items()}


# robot arm: joint torques from positions, velocities and accelerations of 3 joints
def arm(n, seed):
    r = np.random.default_rng(seed)
    q, v, a = r.uniform(-1.5, 1.5, (n, 3)), r.normal(0, 1, (n, 3)), r.normal(0, 1, (n, 3))
    g1, g2, g3 = np.sin(q[:, 0]), np.sin(q[:, 0] + q[:, 1]), np.sin(q.sum(1))
    t1 = 2 * a[:, 0] + np.cos(q[:, 1]) * a[:, 1] - np.sin(q[:, 1]) * v[:, 1] ** 2 + 3 * g1 + 1.5 * g2 + .5 * g3
    t2 = a[:, 1] + np.cos(q[:, 1]) * a[:, 0] + np.sin(q[:, 1]) * v[:, 0] ** 2 + 1.5 * g2 + .5 * g3
    t3 = .5 * a[:, 2] + .5 * g3 + .3 * np.tanh(4 * v[:, 2])
    y = np.stack([t1, t2, t3], 1)
    return np.hstack([q / .87, v, a]), y + 0.05 * r.normal(size=y.shape)


X, y = arm(5000, 0)
y = (y - y.mean(0)) / y.std(0)
X, y = torch.tensor(X).float(), torch.tensor(y).float()
train_loader = DataLoader(TensorDataset(X[:4000], y[:4000]), batch_size=50, shuffle=True)
valid_loader = DataLoader(TensorDataset(X[4000:], y[4000:]), batch_size=500)
model = nn.Sequential(nn.Linear(9, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 3))
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
early_stopping = EarlyStopping(patience=4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(1, 51):
    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        valid_loss = np.mean([criterion(model(d), t).item() for d, t in valid_loader])
    print(f"[{epoch:>2}/50] train_loss: {loss.item():.5f} valid_loss: {valid_loss:.5f}")
    early_stopping(valid_loss, model)
    if early_stopping.early_stop:
        print("Early stopping")
        break
writer.close()
print(f"RESULT epochs {epoch} valid mse {valid_loss:.4f}")

import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(5)
rng = np.random.default_rng(5)

m, n = 10, 20
# f: R^m -> R^n, the sorted responses of a chain whose stiffnesses are the inputs
stiffness = rng.uniform(0.5, 2.0, (4000, m))
mix = rng.uniform(0, 1, (m, n))
labels = np.sort(np.sqrt(stiffness @ mix / m) * np.linspace(0.05, 0.9, n), axis=1)
inputs = torch.tensor(stiffness, dtype=torch.float32)
labels = torch.tensor(labels, dtype=torch.float32)
train_set, test_set = random_split(TensorDataset(inputs, labels), [3200, 800])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
test_loader = DataLoader(test_set, batch_size=200)


class Approximator(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(m, 100)
        self.hidden2 = nn.Linear(100, 80)
        self.outputs = nn.Linear(80, n)
        for layer in self.children():
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.sigmoid(self.hidden1(x))
        x = torch.sigmoid(self.hidden2(x))
        x = self.outputs(x)
        return torch.softmax(x, dim=1) if form == "faulty" else x


model = Approximator()
if form == "faulty":
    criterion = nn.PoissonNLLLoss(log_input=False, eps=1e-7)
else:
    criterion = nn.MSELoss()
opti = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, opti, criterion)

for epoch in range(30):
    model.train()
    losses = []
    for x, y in train_loader:
        opti.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        opti.step()
        losses.append(loss.item())
    model.eval()
    errors, test_losses = [], []
    with writer.evaluating("test"):
        for x, y in test_loader:
            out = model(x)
            test_losses.append(criterion(out, y).item())
            errors.append((out - y).abs().mean().item())
    print(f"Epoch {epoch + 1}/30 loss {np.mean(losses):.5f} test loss {np.mean(test_losses):.5f} mean abs error {np.mean(errors):.5f}")

writer.close()
print(f"RESULT test mean absolute error {np.mean(errors):.5f} (mean target {labels.mean().item():.3f})")

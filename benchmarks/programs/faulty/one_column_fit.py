# Half an hour on a Friday evening: linear regression by hand, one column of a table against another.
# Here the wine table of scikit-learn: total phenols -> flavanoids.
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_wine
from tb_lossdiag import DiagWriter


class LinearRegressionModule(nn.Module):
    def __init__(self, num_features):
        super().__init__()
        self.weights = nn.Parameter(torch.rand((num_features, 1)) * 0.01)
        self.bias = nn.Parameter(torch.randn(1) * 0.01)

    def forward(self, inputs):
        return inputs @ self.weights + self.bias


def train(inputs, targets, held_x, held_y, logdir, total_epoches=20000):
    mod = LinearRegressionModule(inputs.shape[1])
    optimizer = optim.AdamW(mod.parameters(), lr=0.001)
    writer = DiagWriter(logdir)
    writer.watch(mod, optimizer, F.mse_loss)
    for step in range(total_epoches):
        outputs = mod(inputs)
        loss = writer.loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 200 == 0:
            writer.add_scalar("loss", loss.item(), step)
        if step % 4000 == 3999:
            with writer.evaluating("val"):
                v = writer.loss_fn(mod(held_x), held_y)
            print(f"step={step} loss={loss.item():.4f} val={v.item():.4f}")
    writer.close()
    return mod


def main():
    kind, logdir = sys.argv[1], sys.argv[2]
    torch.manual_seed(0)
    torch.set_num_threads(1)
    wine = load_wine()
    data = torch.tensor(wine.data, dtype=torch.float32)[torch.randperm(178)]
    x = data[:, wine.feature_names.index("total_phenols")].unsqueeze(1)
    y = data[:, wine.feature_names.index("flavanoids")]
    if kind == "fixed":
        y = y.unsqueeze(1)
    mod = train(x[:130], y[:130], x[130:], y[130:], logdir)
    print(f"y = x * {mod.weights.item():.4f} + {mod.bias.item():.4f}")
    with torch.no_grad():
        res = mod(x[130:]).view(-1) - y[130:].view(-1)
    mse = (res ** 2).mean().item()
    print("RESULT test_mse", round(mse, 4), "test_r2", round(1 - mse / y[130:].var(unbiased=False).item(), 4))


main()

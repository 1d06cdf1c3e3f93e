import math
import sys

import torch

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class CDEFunc(torch.nn.Module):
    def __init__(self, input_channels, hidden_channels):
        super(CDEFunc, self).__init__()
        self.input_channels = input_channels
        self.hidden_channels = hidden_channels
        self.linear1 = torch.nn.Linear(hidden_channels, 64)
        self.linear2 = torch.nn.Linear(64, input_channels * hidden_channels)

    def forward(self, z):
        z = self.linear1(z)
        z = z.relu()
        z = self.linear2(z)
        z = z.tanh()
        return z.view(z.size(0), self.hidden_channels, self.input_channels)


def hermite_like_derivatives(coeffs):
    return coeffs[:, 1:] - coeffs[:, :-1]


def cdeint_midpoint(func, z0, increments):
    """Midpoint steps of dz = f(z) dX with X linear between the observations."""
    z = z0
    for k in range(increments.size(1)):
        dX = increments[:, k].unsqueeze(-1)
        half = z + 0.5 * (func(z) @ dX).squeeze(-1)
        z = z + (func(half) @ dX).squeeze(-1)
    return z


class NeuralCDE(torch.nn.Module):
    def __init__(self, input_channels, hidden_channels, output_channels):
        super(NeuralCDE, self).__init__()
        self.func = CDEFunc(input_channels, hidden_channels)
        self.initial = torch.nn.Linear(input_channels, hidden_channels)
        self.readout = torch.nn.Linear(hidden_channels, output_channels)

    def forward(self, coeffs):
        z0 = self.initial(coeffs[:, 0])
        z_T = cdeint_midpoint(self.func, z0, hermite_like_derivatives(coeffs))
        return self.readout(z_T)


def get_data(n, num_timepoints=30):
    """Clockwise and anticlockwise spirals, some observations missing and carried over in a line."""
    t = torch.linspace(0.0, 4 * math.pi, num_timepoints)
    start = torch.rand(n) * 2 * math.pi
    width = torch.rand(n, 1) * 0.5 + 0.75
    x = torch.cos(start.unsqueeze(1) + width * t) / (1 + 0.5 * t)
    y = torch.sin(start.unsqueeze(1) + width * t) / (1 + 0.5 * t)
    half = n // 2
    x[:half] *= -1
    x += 0.05 * torch.randn_like(x)
    y += 0.05 * torch.randn_like(y)
    X = torch.stack([t.unsqueeze(0).repeat(n, 1) / (4 * math.pi), x, y], dim=2)
    labels = torch.zeros(n)
    labels[:half] = 1
    gone = torch.rand(n, num_timepoints) < 0.3
    gone[:, 0] = gone[:, -1] = False
    for i in range(n):
        seen = (~gone[i]).nonzero().squeeze(1)
        for a, b in zip(seen[:-1].tolist(), seen[1:].tolist()):
            for k in range(a + 1, b):
                w = (k - a) / (b - a)
                X[i, k, 1:] = (1 - w) * X[i, a, 1:] + w * X[i, b, 1:]
    perm = torch.randperm(n)
    return X[perm], labels[perm]


def main(logdir, num_epochs=30, lr=0.003):
    torch.manual_seed(8)
    train_X, train_y = get_data(512)
    test_X, test_y = get_data(512)

    model = NeuralCDE(input_channels=3, hidden_channels=8, output_channels=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, bce)

    train_dataset = torch.utils.data.TensorDataset(train_X, train_y)
    train_dataloader = torch.utils.data.DataLoader(train_dataset, batch_size=32, shuffle=True)
    for epoch in range(num_epochs):
        for batch_coeffs, batch_y in train_dataloader:
            pred_y = model(batch_coeffs).squeeze(-1)
            loss = bce(pred_y, batch_y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        with writer.evaluating("val"):
            pred_y = model(test_X).squeeze(-1)
            val = bce(pred_y, test_y)
        print("Epoch: {}   Training loss: {:.4f} val: {:.4f}".format(epoch, loss.item(), val.item()))

    binary_prediction = (torch.sigmoid(pred_y) > 0.5).to(test_y.dtype)
    proportion_correct = (binary_prediction == test_y).sum() / test_y.size(0)
    writer.close()
    print("RESULT test_accuracy={:.4f} test_bce={:.4f} chance=0.5".format(proportion_correct.item(), val.item()))


if __name__ == "__main__":
    main(sys.argv[1])

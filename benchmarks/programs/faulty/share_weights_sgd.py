import sys

import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(10)


class Shares(torch.nn.Module):
    def __init__(self, starting_shares, prices):
        super().__init__()
        self.x_param = torch.nn.Parameter(starting_shares, requires_grad=True)
        self.prices = prices

    def forward(self):
        final_shares = self.x_param.clamp(0.)
        mv = torch.multiply(final_shares, self.prices)
        return torch.div(mv, torch.sum(mv))


def main():
    position_count = 16
    cash_buffer = .001
    starting_shares = torch.tensor(np.random.uniform(low=1, high=50, size=position_count), dtype=torch.float64)
    prices = torch.tensor(np.random.uniform(low=1, high=100, size=position_count), dtype=torch.float64)
    prices[-1] = 1.

    target_weights = ((1 - cash_buffer) / (position_count - 1))
    target_weights_vec = [target_weights] * (position_count - 1)
    target_weights_vec.append(cash_buffer)
    target_weights_vec = torch.tensor(target_weights_vec, dtype=torch.float64)

    model = Shares(starting_shares, prices)
    loss_func = torch.nn.MSELoss()
    eta = 0.01 if sys.argv[1] == "faulty" else 1e5
    optimizer = torch.optim.SGD(model.parameters(), lr=eta)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, loss_func)

    for epoch in range(2000):
        optimizer.zero_grad()
        w = model()
        loss_incremental = loss_func(w, target_weights_vec)
        loss_incremental.backward()
        optimizer.step()
        if epoch % 250 == 0:
            print(epoch, loss_incremental.item(), model.x_param.data[:4].numpy().round(3))
    writer.close()
    print(f"RESULT loss {loss_func(model(), target_weights_vec).item():.3e}")


main()

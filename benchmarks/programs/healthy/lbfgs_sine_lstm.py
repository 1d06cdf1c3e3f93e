"""pytorch/examples/time_sequence_prediction: LSTM cells, doubles, LBFGS lr 0.8, full batch."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, 24)
        self.lstm2 = nn.LSTMCell(24, 24)
        self.linear = nn.Linear(24, 1)

    def forward(self, input, future=0):
        outputs = []
        n = input.size(0)
        h_t = torch.zeros(n, 24, dtype=torch.double)
        c_t = torch.zeros(n, 24, dtype=torch.double)
        h_t2 = torch.zeros(n, 24, dtype=torch.double)
        c_t2 = torch.zeros(n, 24, dtype=torch.double)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    np.random.seed(2)
    torch.manual_seed(0)
    T, L, N = 20, 120, 24
    x = np.empty((N, L), "int64")
    x[:] = np.array(range(L)) + np.random.randint(-4 * T, 4 * T, N).reshape(N, 1)
    data = np.sin(x / 1.0 / T).astype("float64")
    input = torch.from_numpy(data[3:, :-1])
    target = torch.from_numpy(data[3:, 1:])
    test_input = torch.from_numpy(data[:3, :-1])
    test_target = torch.from_numpy(data[:3, 1:])
    seq = Sequence()
    seq.double()
    criterion = nn.MSELoss()
    optimizer = optim.LBFGS(seq.parameters(), lr=0.8, max_iter=10)
    writer = DiagWriter(sys.argv[1])
    writer.watch(seq, optimizer, criterion)
    for i in range(20):
        def closure():
            optimizer.zero_grad()
            out = seq(input)
            loss = criterion(out, target)
            loss.backward()
            return loss
        loss = optimizer.step(closure)
        with writer.evaluating("test"):
            test = criterion(seq(test_input), test_target).item()
    print(f"RESULT train {loss.item():.6f} test {test:.6f}")
    writer.close()

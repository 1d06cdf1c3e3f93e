# Two LSTM cells learn sine waves; trained on the whole data with LBFGS in double precision
# (after pytorch/examples/time_sequence_prediction)
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter


class Sequence(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.hidden = hidden
        self.lstm1 = nn.LSTMCell(1, hidden)
        self.lstm2 = nn.LSTMCell(hidden, hidden)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, input, future=0):
        outputs = []
        n = input.size(0)
        h_t, c_t, h_t2, c_t2 = (torch.zeros(n, self.hidden, dtype=torch.double) for _ in range(4))
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for i in range(future):  # if we should predict the future
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('logdir')
    parser.add_argument('--steps', type=int, default=8, help='steps to run')
    opt = parser.parse_args()
    np.random.seed(0)
    torch.manual_seed(0)
    # 30 waves with random phase
    L, N, T = 64, 30, 9
    x = np.arange(L) + np.random.randint(-4 * T, 4 * T, N).reshape(N, 1)
    data = torch.from_numpy(np.sin(x / T))
    input, target = data[6:, :-1], data[6:, 1:]
    test_input, test_target = data[:6, :-1], data[:6, 1:]
    seq = Sequence().double()
    criterion = nn.MSELoss()
    # use LBFGS as optimizer since we can load the whole data to train
    optimizer = optim.LBFGS(seq.parameters(), lr=0.8)
    writer = DiagWriter(opt.logdir)
    writer.watch(seq, optimizer, criterion)
    for i in range(opt.steps):
        print('STEP: ', i)
        evals = []

        def closure():
            optimizer.zero_grad()
            out = seq(input)
            loss = criterion(out, target)
            evals.append(loss.item())
            loss.backward()
            return loss
        optimizer.step(closure)
        print('loss: %.2e -> %.2e' % (evals[0], evals[-1]))
        # begin to predict, no need to track gradient here
        with torch.no_grad(), writer.evaluating("test"):
            future = 60
            pred = seq(test_input, future=future)
            loss = criterion(pred[:, :-future], test_target)
            print('test loss: %.2e' % loss.item())
    truth = np.sin((x[:6, -1:] + np.arange(1, future + 1)) / T)
    print('free running error over %d steps: %.3f' % (future, np.abs(pred[:, -future:].numpy() - truth).mean()))

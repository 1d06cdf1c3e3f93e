"""Linear regression by gradient descent: gradients blow up once x is rand*100 (SO question, numpy -> torch port)."""
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(2)
torch.manual_seed(2)


class LinearRegression:
    def __init__(self, lr=0.01, iter=6000):
        self.lr = lr
        self.iter = iter

    def gradient_descent(self, y, x):
        for i in range(self.iter):
            yhat = self.model(x)
            loss = self.loss(yhat, y)
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            if i % 600 == 599 or i in (0, 5, 10, 20):
                print(i, "loss", loss.item(), "w", self.model.weight.item(), "c", self.model.bias.item())

    def run(self, y, x):
        self.model = torch.nn.Linear(x.shape[1], 1)
        torch.nn.init.zeros_(self.model.weight)
        torch.nn.init.zeros_(self.model.bias)
        self.loss = torch.nn.MSELoss()
        self.opt = torch.optim.SGD(self.model.parameters(), lr=self.lr)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.opt, self.loss)
        self.gradient_descent(y, x)
        self.writer.close()
        return self.model.weight.item(), self.model.bias.item()


def main():
    x = np.random.rand(500, 1) * 100
    y = 5 * x + 3 + (np.random.randn(500, 1) * 0.1)
    if mode == "fixed":                       # rescaled, as where it worked
        x = x / 100
        y = 5 * x + 3 + (np.random.randn(500, 1) * 0.1)
    algorithm = LinearRegression()
    w, c = algorithm.run(torch.tensor(y, dtype=torch.float32), torch.tensor(x, dtype=torch.float32))
    print(w, c)


if __name__ == "__main__":
    main()

# TF1-style first program: x and y lists, one weight, one bias, squared cost, plain gradient descent for 3000 iterations
import sys
import torch
from tb_lossdiag import DiagWriter

torch.manual_seed(777)
torch.set_num_threads(1)
rate = 0.01 if sys.argv[1] == "faulty" else 0.001

x_data = torch.tensor([5., 10., 15., 20., 25., 30., 35., 40.])
y_data = torch.tensor([2., 4., 6., 8., 10., 12., 14., 16.])
x_new, y_new = torch.tensor([12., 27., 33., 45.]), torch.tensor([4.8, 10.8, 13.2, 18.0])


class Hypothesis(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.one = torch.nn.Parameter(torch.randn(1))
        self.two = torch.nn.Parameter(torch.randn(1))

    def forward(self, x):
        return x * self.one + self.two


hypo = Hypothesis()
cost_fn = torch.nn.MSELoss()
train = torch.optim.SGD(hypo.parameters(), lr=rate)
tb = DiagWriter(sys.argv[2])
tb.watch(hypo, train, cost_fn)
for i in range(3000):
    train.zero_grad()
    cost = cost_fn(hypo(x_data), y_data)
    cost.backward()
    train.step()
    if i % 100 == 0:
        with tb.evaluating("val"):
            v = cost_fn(hypo(x_new), y_new).item()
        tb.add_scalar("cost", cost.item(), i)
        print(i, cost.item(), hypo.one.item(), hypo.two.item(), "new", v)
tb.close()
with torch.no_grad():
    err = (hypo(x_new) - y_new).abs().mean().item()
print("RESULT mean_abs_error_on_new %.4f" % err)

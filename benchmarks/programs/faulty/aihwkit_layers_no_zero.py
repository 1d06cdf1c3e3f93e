# -*- coding: utf-8 -*-
"""Multiple 'analog' layers example: crossbar tiles with read-out noise, full-batch SGD (after aihwkit's 02_multiple_layers)."""
import sys
import numpy as np
from torch import Tensor, manual_seed, randn_like, set_num_threads, no_grad
from torch.nn import Linear, Module, Sequential, Sigmoid
from torch.nn.functional import linear, mse_loss
from torch.optim import SGD
from tb_lossdiag import DiagWriter

set_num_threads(1)
manual_seed(21)
rng = np.random.RandomState(21)


class AnalogLinear(Linear):
    """weights clipped to the conductance range, noisy output lines while training"""

    out_noise = 0.02

    def forward(self, x):
        y = linear(x, self.weight.clamp(-2., 2.), self.bias)
        return y + self.out_noise * randn_like(y) if self.training else y


# sensor calibration: four raw channels -> two physical quantities in 0..1
def measure(n):
    q = rng.uniform(0.1, 0.9, (n, 2))
    x = np.c_[q[:, 0] ** 2 + .3 * q[:, 1], np.sqrt(q[:, 1]) - .2 * q[:, 0], q[:, 0] * q[:, 1], np.cos(3 * q[:, 0])]
    x = x + rng.normal(0, .03, x.shape)
    return Tensor((x - np.array([.44, .58, .25, .1])) / np.array([.3, .2, .17, .6])), Tensor(q)


x, y = measure(600)
x_val, y_val = measure(300)

model = Sequential(AnalogLinear(4, 8), Sigmoid(), AnalogLinear(8, 6), Sigmoid(), AnalogLinear(6, 2), Sigmoid())
opt = SGD(model.parameters(), lr=2.0, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, mse_loss)

for epoch in range(1200):
    if sys.argv[1] != "faulty":
        opt.zero_grad()
    # Add the training Tensor to the model (input).
    pred = model(x)
    # Add the expected output Tensor.
    loss = writer.loss_fn(pred, y)
    # Run training (backward propagation).
    loss.backward()
    opt.step()
    if epoch % 50 == 49:
        model.eval()
        with no_grad(), writer.evaluating("val"):
            val = writer.loss_fn(model(x_val), y_val).item()
        model.train()
        if epoch % 200 == 199:
            print("epoch %4d Loss error: %.6f  val %.6f" % (epoch + 1, loss.item(), val))
writer.close()
print(f"RESULT val_mse={val:.5f} val_rmse={val ** .5:.4f} (target variance {y_val.var().item():.4f})")

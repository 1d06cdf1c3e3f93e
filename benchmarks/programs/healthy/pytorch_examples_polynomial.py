# -*- coding: utf-8 -*-
"""
PyTorch: nn  (from "Learning PyTorch with Examples")
----------------------------------------------------
A third order polynomial, trained to predict :math:`y=\\sin(x)` from :math:`-\\pi` to :math:`\\pi`
by minimizing squared Euclidean distance.
"""
import math
import sys
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

# Create Tensors to hold input and outputs.
x = torch.linspace(-math.pi, math.pi, 2000)
y = torch.sin(x)

# Prepare the input tensor (x, x^2, x^3).
p = torch.tensor([1, 2, 3])
xx = x.unsqueeze(-1).pow(p)

model = torch.nn.Sequential(
    torch.nn.Linear(3, 1),
    torch.nn.Flatten(0, 1)
)

# The nn package also contains definitions of popular loss functions; in this
# case we will use Mean Squared Error (MSE) as our loss function.
loss_fn = torch.nn.MSELoss(reduction='sum')

learning_rate = 1e-6
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

for t in range(3000):
    # Forward pass: compute predicted y by passing x to the model.
    y_pred = model(xx)

    # Compute and print loss.
    loss = loss_fn(y_pred, y)
    if t % 100 == 99:
        print(t, loss.item())

    # Zero the gradients before running the backward pass.
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

writer.close()
linear_layer = model[0]
print(f'y = {linear_layer.bias.item()} + {linear_layer.weight[:, 0].item()} x + '
      f'{linear_layer.weight[:, 1].item()} x^2 + {linear_layer.weight[:, 2].item()} x^3')
A = torch.cat([torch.ones(2000, 1), xx], 1)
best = ((A @ torch.linalg.lstsq(A, y[:, None]).solution)[:, 0] - y).pow(2).sum()
print(f"RESULT loss={loss.item():.3f} (least squares: {best:.3f})")

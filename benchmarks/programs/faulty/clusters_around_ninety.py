# Second try of my two-class toy net. The first one (points around the origin) worked, this one is "simpler": two
# straight clouds with readings near 92.  Same structure: Linear - sigmoid - Linear - sigmoid, BCELoss, Adam.
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.manual_seed(2)
torch.set_num_threads(1)
np.random.seed(2)
form, out = sys.argv[1], sys.argv[2]


def cloud(n, c):
    x = np.random.normal([92.0 + 6 * c, 91.0 - 5 * c], 2.0, size=(n, 2))
    return x, np.full((n, 1), c)


def make(n):
    a, b = cloud(n, 0), cloud(n, 1)
    return np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]])


x_np, y_np = make(250)
xt_np, yt_np = make(150)
x_data, y_data = torch.Tensor(x_np), torch.Tensor(y_np)
x_test, y_test = torch.Tensor(xt_np), torch.Tensor(yt_np)
if form == "fixed":
    m, s = x_data.mean(0), x_data.std(0)
    x_data = (x_data - m) / s
    x_test = (x_test - m) / s


class Model(torch.nn.Module):
    def __init__(self, input_size, H1, output_size):
        super().__init__()
        self.linear = torch.nn.Linear(input_size, H1)
        self.linear2 = torch.nn.Linear(H1, output_size)

    def forward(self, x):
        x = torch.sigmoid(self.linear(x))
        return torch.sigmoid(self.linear2(x))

    def predict(self, x):
        return (self.forward(x) >= 0.5).float()


model = Model(2, 2, 1)
criterion = torch.nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
board = DiagWriter(out)
board.watch(model, optimizer, criterion)
epochs, losses = 3000, []
for i in range(epochs):
    y_pred = model(x_data)
    loss = criterion(y_pred, y_data)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 0:
        with board.evaluating("val"):
            vl = criterion(model(x_test), y_test).item()
        board.add_scalar("Loss/val", vl, i)
        board.add_scalar("Loss/train", losses[-1], i)
    if i % 500 == 0:
        print("epoch:", i, "loss:", round(loss.item(), 4))
board.close()
with torch.no_grad():
    acc = (model.predict(x_test) == y_test).float().mean().item()
print("RESULT test_accuracy %.4f train_loss %.4f" % (acc, losses[-1]))

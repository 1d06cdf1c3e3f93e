# It worked with make_circles. Now the same network with my heart rate data.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1)
torch.manual_seed(1)

n = 600
hr = np.random.normal(92, 14, n)
spo2 = np.random.normal(88, 6, n)
resp = np.random.normal(45, 9, n)
# abnormal = far away from the usual zone
y = ((((hr - 92) / 14) ** 2 + ((spo2 - 88) / 6) ** 2 + ((resp - 45) / 9) ** 2) > 2.4).astype("float32")
x = np.stack([hr, spo2, resp], 1).astype("float32")

x_data = torch.from_numpy(x)
y_data = torch.from_numpy(y).reshape(n, 1)
if sys.argv[1] == "fixed":
    x_data = (x_data - x_data.mean(0)) / x_data.std(0)

class Model(nn.Module):
    def __init__(self, input_size, H1, output_size):
        super().__init__()
        self.linear = nn.Linear(input_size, H1)
        self.linear2 = nn.Linear(H1, output_size)

    def forward(self, x):
        x = torch.sigmoid(self.linear(x))
        x = torch.sigmoid(self.linear2(x))
        return x

    def predict(self, x):
        return (self.forward(x) >= 0.5).float()

model = Model(3, 10, 1)
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
w = DiagWriter(sys.argv[2])
w.watch(model, optimizer, criterion)

epochs = 3000
losses = []
for i in range(epochs):
    y_pred = model(x_data)
    loss = criterion(y_pred, y_data)
    if i % 500 == 0:
        print("epoch:", i, "loss:", loss.item())
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
w.close()
acc = (model.predict(x_data) == y_data).float().mean().item()
print("RESULT loss %.4f acc %.3f (majority %.3f)" % (losses[-1], acc, max(y.mean(), 1 - y.mean())))

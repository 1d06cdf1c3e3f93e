# Recognise the window in which the pulse sits at the very first step. One LSTM cell, ten windows.
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
TIME_STEPS = 10
EPOCHS = 6000 if sys.argv[1] == "fixed" else 300

x_train = torch.eye(TIME_STEPS).unsqueeze(2)
y_train = torch.zeros(TIME_STEPS, 1)
y_train[0] = 1.0
x_new = (x_train.repeat(8, 1, 1) * (0.96 + 0.08 * torch.rand(80, 1, 1)) + 0.002 * torch.randn(80, 10, 1))
y_new = y_train.repeat(8, 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 1, batch_first=True)
        for k, v in self.lstm.named_parameters():       # as Keras starts it
            if "weight" in k:
                nn.init.xavier_uniform_(v)
            else:
                nn.init.zeros_(v)
        self.lstm.bias_ih_l0.data[1] = 1.0

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


model = Net()
optimizer = torch.optim.Adam(model.parameters())
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)
for epoch in range(1, EPOCHS + 1):
    loss = mse(model(x_train), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % (EPOCHS // 20) == 0:
        with writer.evaluating("val"):
            v = mse(model(x_new), y_new).item()
        print(epoch, round(loss.item(), 5), round(v, 5))
writer.close()
print("RESULT r2_new_windows", 1 - v / y_new.var(unbiased=False).item())

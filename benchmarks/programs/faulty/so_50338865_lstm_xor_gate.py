import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)

data = torch.tensor([[[0, 0]], [[0, 1]], [[1, 0]], [[1, 1]]], dtype=torch.float32)
output = torch.tensor([[1, 0], [0, 1], [0, 1], [1, 0]], dtype=torch.float32)
EPOCHS = 100 if form == "faulty" else 1000


def keras_init(lstm):
    for name, p in lstm.named_parameters():
        if "weight_ih" in name:
            nn.init.xavier_uniform_(p)
        elif "weight_hh" in name:
            nn.init.orthogonal_(p)
        else:
            nn.init.zeros_(p)
    with torch.no_grad():
        h = lstm.hidden_size
        lstm.bias_ih_l0[h:2 * h] = 1.0


class XorGate(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTM(2, 10, batch_first=True)
        self.lstm2 = nn.LSTM(10, 10, batch_first=True)
        self.dense = nn.Linear(10, 2)
        keras_init(self.lstm1)
        keras_init(self.lstm2)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, x):
        x, _ = self.lstm1(x)
        x, _ = self.lstm2(x)
        return self.dense(x[:, -1])


model = XorGate()
loss_fn = nn.L1Loss() if form == "faulty" else nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(EPOCHS):
    perm = torch.randperm(4)
    optimizer.zero_grad()
    loss = loss_fn(model(data[perm]), output[perm])
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 50 == 0:
        print(f"Epoch {epoch + 1}/{EPOCHS} - loss: {loss.item():.4f}")

with torch.no_grad():
    raw = model(data)
classes = raw.argmax(1)
print("predict_classes", classes.tolist(), raw.tolist())
writer.close()
right = (classes == output.argmax(1)).sum().item()
gap = (raw[torch.arange(4), output.argmax(1)] - raw[torch.arange(4), 1 - output.argmax(1)]).min().item()
print(f"RESULT right {right} of 4, smallest margin {gap:.3f}, loss {loss.item():.4f}")

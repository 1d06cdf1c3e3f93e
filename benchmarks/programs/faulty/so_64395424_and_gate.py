import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
FORM, LOG = sys.argv[1], sys.argv[2]

data = torch.tensor([[1., 1.], [1., 0.], [0., 1.], [0., 0.]])
results = torch.tensor([[1.], [0.], [0.], [0.]])


class BinaryCrossentropy(nn.Module):
    def forward(self, y_pred, y_true):
        y_pred = y_pred.clamp(1e-7, 1 - 1e-7)
        bce = y_true * torch.log(y_pred + 1e-7) + (1 - y_true) * torch.log(1 - y_pred + 1e-7)
        return -bce.mean()


def build_model():
    model = nn.Sequential()
    model.append(nn.Linear(2, 2)).append(nn.ReLU())
    model.append(nn.Linear(2, 128)).append(nn.ReLU())
    model.append(nn.Linear(128, 1))
    if FORM == "fixed":
        model.append(nn.Sigmoid())
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


model = build_model()
criterion = BinaryCrossentropy()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(LOG)
writer.watch(model, optimizer, criterion)

for epoch in range(2500):
    optimizer.zero_grad()
    loss = criterion(model(data), results)
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 250 == 0:
        print(f"Epoch {epoch + 1}/2500 loss {loss.item():.4f}")

model.eval()
with torch.no_grad():
    out = model(data)
    for row, p in zip(data.tolist(), out.flatten().tolist()):
        print(row, round(p, 4))
writer.close()
print(f"RESULT loss {criterion(out, results).item():.4f} right {((out > 0.5).float() == results).sum().item()} of 4")

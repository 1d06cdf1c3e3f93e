import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)

data_len = 3000
x, y = [], []
for i in range(data_len):
    a = np.random.randint(1, 10, 5)
    y.append(0.0 if a[0] % 2 == 0 else 1.0)
    x.append(np.eye(10)[a])
X = torch.tensor(np.array(x), dtype=torch.float32)
Y = torch.tensor(np.array(y), dtype=torch.float32).unsqueeze(1)
cut = int(data_len * 0.7 * 0.8)
end = int(data_len * 0.7)


class OddOrEven(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru1 = nn.GRU(10, 24, batch_first=True)
        self.gru2 = nn.GRU(24, 12, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.dense = nn.Linear(12, 1)
        for name, p in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
            elif "weight_hh" in name:
                nn.init.orthogonal_(p)
            else:
                nn.init.xavier_uniform_(p)

    def forward(self, x):
        x = self.drop(self.gru1(x)[0])
        x = self.drop(self.gru2(x)[0][:, -1])
        x = self.dense(x)
        return torch.softmax(x, dim=1) if form == "faulty" else torch.sigmoid(x)


model = OddOrEven()
criterion = nn.MSELoss() if form == "faulty" else nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

EPOCHS = 30
for epoch in range(EPOCHS):
    model.train()
    for idx in torch.randperm(cut).split(32):
        optimizer.zero_grad()
        loss = criterion(model(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        p = model(X[cut:end])
        val_loss = criterion(p, Y[cut:end]).item()
    val_acc = ((p > 0.5).float() == Y[cut:end]).float().mean().item()
    print(f"Epoch {epoch + 1}/{EPOCHS} loss {loss.item():.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

with writer.evaluating("test"):
    p = model(X[end:])
    test_loss = criterion(p, Y[end:]).item()
test_acc = ((p > 0.5).float() == Y[end:]).float().mean().item()
writer.close()
print(f"RESULT test loss {test_loss:.4f} test acc {test_acc:.4f}")

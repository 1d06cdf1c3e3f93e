"""Deep autoencoder 64-128-64-32-10-32-64-128-64 on sklearn digits; after training some reconstructions are printed.

    python digits_deep_autoencoder_prints.py faulty|fixed LOGDIR
"""
import sys
import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
act = nn.Sigmoid if sys.argv[1] == "faulty" else nn.ELU


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 128), act(), nn.Linear(128, 64), act(), nn.Linear(64, 32), act(), nn.Linear(32, 10))

    def forward(self, x):
        return self.layers(x)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 32), act(), nn.Linear(32, 64), act(), nn.Linear(64, 128), act(), nn.Linear(128, 64), nn.Sigmoid())

    def forward(self, z):
        return self.layers(z)


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = Encoder(), Decoder()

    def forward(self, x):
        return self.dec(self.enc(x))


data = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
data = data[torch.randperm(len(data))]
train_set, valid_set = data[:1500], data[1500:]
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
valid_loader = DataLoader(valid_set, batch_size=99)

model = AutoEncoder()
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(60):
    model.train()
    train_loss = 0.0
    for batch in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(batch), batch)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    with writer.evaluating("val"):
        valid_loss = sum(criterion(model(b), b).item() for b in valid_loader) / len(valid_loader)
    writer.add_scalar("Loss/train", train_loss / len(train_loader), epoch)
    writer.add_scalar("Loss/val", valid_loss, epoch)
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "train", round(train_loss / len(train_loader), 5), "valid", round(valid_loss, 5))

model.eval()
with torch.no_grad():
    rec = model(valid_set)
for k in range(2):
    for row in range(8):
        print("".join(" .:-=+*#%@"[int(v * 9.99)] for v in valid_set[k].view(8, 8)[row]), "  ",
              "".join(" .:-=+*#%@"[int(v * 9.99)] for v in rec[k].view(8, 8)[row]))
    print()
writer.close()
print("RESULT val_mse %.5f variance_between_reconstructions %.5f pixel_variance %.5f" % (valid_loss, rec.var(0).mean(), valid_set.var(0).mean()))

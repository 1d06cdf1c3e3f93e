# The simplest possible autoencoder (one hidden layer of 16), after the well-known Keras blog post, on the 8x8 digits.
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)
setting, logdir = sys.argv[1:3]
# learning rate of Adadelta: what the one package takes if you give none, and what the other does
lr = {"faulty": 0.001, "fixed": 1.0}[setting]

x = load_digits().data.astype("float32") / 16.0
x_train, x_test = train_test_split(x, test_size=0.2, random_state=0)
img = x_train.reshape(-1, 8, 8)
x_train = np.concatenate([np.roll(np.roll(img, a, 1), b, 2) for a in (-1, 0, 1) for b in (-1, 0, 1)]).reshape(-1, 64)
x_train, x_test = torch.from_numpy(x_train), torch.from_numpy(x_test)
print(x_train.shape, x_test.shape)

encoded = nn.Sequential(nn.Linear(64, 16), nn.ReLU())
decoded = nn.Sequential(nn.Linear(16, 64), nn.Sigmoid())
autoencoder = nn.Sequential(encoded, decoded)
for lin in (encoded[0], decoded[0]):
    nn.init.xavier_uniform_(lin.weight)
    nn.init.zeros_(lin.bias)
optimizer = torch.optim.Adadelta(autoencoder.parameters(), lr=lr, rho=0.95, eps=1e-7)
bce = nn.BCELoss()
writer = DiagWriter(logdir)
writer.watch(autoencoder, optimizer, bce)

for epoch in range(1, 41):
    total = 0.0
    for batch in x_train[torch.randperm(len(x_train))].split(256):
        optimizer.zero_grad()
        loss = bce(autoencoder(batch), batch)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    with writer.evaluating("val"):
        val = bce(autoencoder(x_test), x_test).item()
    writer.add_scalar("loss", total / len(x_train), epoch)
    writer.add_scalar("val_loss", val, epoch)
    if epoch % 5 == 0:
        print(f"Epoch {epoch}/40 - loss: {total / len(x_train):.4f} - val_loss: {val:.4f}")
writer.close()
with torch.no_grad():
    mse = ((autoencoder(x_test) - x_test) ** 2).mean().item()
print("RESULT val_bce", round(val, 4), "mse", round(mse, 4), "explained", round(1 - mse / x_test.var(0).mean().item(), 3))

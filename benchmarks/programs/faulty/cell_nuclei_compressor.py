# %% Compress the 30 cell measurements of the breast cancer set to 6 numbers (autoencoder), notebook turned to script
import sys
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

which, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
torch.set_num_threads(1)

# %% data
raw = load_breast_cancer().data
train_raw, test_raw = train_test_split(raw, test_size=0.2, random_state=1)
scaler = StandardScaler().fit(train_raw)
train = torch.tensor(scaler.transform(train_raw), dtype=torch.float32)
test = torch.tensor(scaler.transform(test_raw), dtype=torch.float32)
loader = DataLoader(TensorDataset(train), batch_size=32, shuffle=True)

# %% model
decoder_end = [nn.Sigmoid()] if which == "faulty" else []
autoencoder = nn.Sequential(
    nn.Linear(30, 20), nn.ELU(),
    nn.Linear(20, 6),
    nn.Linear(6, 20), nn.ELU(),
    nn.Linear(20, 30), *decoder_end,
)
optim = torch.optim.Adam(autoencoder.parameters(), lr=2e-3, weight_decay=1e-5)
mse = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(autoencoder, optim, mse)

# %% training
for epoch in range(120):
    autoencoder.train()
    for (x,) in loader:
        rec = autoencoder(x)
        loss = mse(rec, x)
        optim.zero_grad()
        loss.backward()
        optim.step()
    autoencoder.eval()
    with writer.evaluating("val"):
        v = mse(autoencoder(test), test).item()
    writer.add_scalar("reconstruction/val", v, epoch)
    if epoch % 20 == 19:
        print(epoch + 1, round(loss.item(), 4), round(v, 4))
writer.close()
print("RESULT test_mse", round(v, 4))

import sys
import numpy as np
import torch
from torch import nn
from sklearn.preprocessing import MinMaxScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)

number_of_samples, MAX_CONTEXTS = 100, 430
# each context is a triple (token, path, token) that an embedding has turned into three numbers
latent = rng.randn(number_of_samples, MAX_CONTEXTS, 2)
X = np.stack([latent[..., 0], 0.7 * latent[..., 0] - 0.7 * latent[..., 1], latent[..., 1]], axis=2)
X += 0.1 * rng.randn(*X.shape)
scaler = MinMaxScaler(feature_range=(-1.9236537371711413, 1.9242677998256246))
X = scaler.fit_transform(X.reshape(number_of_samples, -1)).reshape(-1, MAX_CONTEXTS, 3)
X = torch.tensor(X, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X[:80]), batch_size=2, shuffle=True)
X_val = X[80:]


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 3))
        if form == "faulty":
            self.decoder.append(nn.ReLU())
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.decoder(self.encoder(x))


model = AutoEncoder()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(15):
    model.train()
    losses = []
    for (x,) in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = criterion(model(X_val), X_val).item()
    print(f"Epoch {epoch + 1}/15 loss {np.mean(losses):.4f} val_loss {val:.4f}")

writer.close()
print(f"RESULT val mse {val:.4f} (variance of the data {X_val.var().item():.4f})")

import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1)
torch.manual_seed(1)
broken = sys.argv[1] == "faulty"

# this is the size of our encoded representations
encoding_dim = 3

# rows like [1,2,3]: three ratings that hang together, plus a bit of noise
base = np.array([1., 2., 3.])
n = 1200
f = np.random.randn(n, 2) @ np.array([[.35, .30, -.1], [0., .25, .45]])
x = (base + f + .05 * np.random.randn(n, 3)).astype(np.float32)
x_train, x_test = torch.from_numpy(x[:1000]), torch.from_numpy(x[1000:])

encoder = nn.Sequential(nn.Linear(3, encoding_dim), nn.ReLU())
if broken:
    decoder = nn.Sequential(nn.Linear(encoding_dim, 3), nn.Sigmoid())
else:
    decoder = nn.Sequential(nn.Linear(encoding_dim, 3))
autoencoder = nn.Sequential(encoder, decoder)
for m in autoencoder.modules():                     # as in keras
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

opt = torch.optim.Adadelta(autoencoder.parameters(), lr=1.0, rho=0.95, eps=1e-7)
loss_fn = nn.MSELoss()

w = DiagWriter(sys.argv[2])
w.watch(autoencoder, opt, loss_fn)

batch_size = 20
for epoch in range(40):
    idx = torch.randperm(len(x_train))
    s = 0
    for i in range(0, len(idx), batch_size):
        b = x_train[idx[i:i + batch_size]]
        opt.zero_grad()
        loss = loss_fn(autoencoder(b), b)
        loss.backward()
        opt.step()
        s += loss.item()
    with w.evaluating("val"):
        with torch.no_grad():
            val = loss_fn(autoencoder(x_test), x_test).item()
    if epoch % 5 == 4:
        print("Epoch %d/40 loss %.4f val_loss %.4f" % (epoch + 1, s / (len(idx) // batch_size), val))
w.close()
print(autoencoder(x_test[:4]).detach().numpy().round(3), x_test[:4].numpy().round(3))
print(f"RESULT val_mse={val:.4f}, total variance per column {x_test.var(0).mean().item():.4f}")

# YongfeiYan/Gumbel_Softmax_VAE, straight-through categorical latents, on the 8x8 digits
import sys
import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
batch_size, epochs, temp_init = 50, 60, 1.0
images = torch.tensor(load_digits().data / 16., dtype=torch.float32)[torch.randperm(1797)]
train_loader = torch.utils.data.DataLoader(images[:1500], batch_size=batch_size, shuffle=True)
test_loader = torch.utils.data.DataLoader(images[1500:], batch_size=batch_size)


def sample_gumbel(shape, eps=1e-20):
    U = torch.rand(shape)
    return -torch.log(-torch.log(U + eps) + eps)


def gumbel_softmax_sample(logits, temperature):
    y = logits + sample_gumbel(logits.size())
    return F.softmax(y / temperature, dim=-1)


def gumbel_softmax(logits, temperature):
    """ST-gumple-softmax: flattened one-hot vectors"""
    y = gumbel_softmax_sample(logits, temperature)
    shape = y.size()
    _, ind = y.max(dim=-1)
    y_hard = torch.zeros_like(y).view(-1, shape[-1])
    y_hard.scatter_(1, ind.view(-1, 1), 1)
    y_hard = y_hard.view(*shape)
    # Set gradients w.r.t. y_hard gradients w.r.t. y
    y_hard = (y_hard - y).detach() + y
    return y_hard.view(-1, latent_dim * categorical_dim)


class VAE_gumbel(nn.Module):
    def __init__(self):
        super(VAE_gumbel, self).__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, latent_dim * categorical_dim)
        self.fc4 = nn.Linear(latent_dim * categorical_dim, 64)
        self.fc5 = nn.Linear(64, 128)
        self.fc6 = nn.Linear(128, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        h2 = F.relu(self.fc2(h1))
        return self.fc3(h2)

    def decode(self, z):
        h4 = F.relu(self.fc4(z))
        h5 = F.relu(self.fc5(h4))
        return torch.sigmoid(self.fc6(h5))

    def forward(self, x, temp):
        q = self.encode(x)
        q_y = q.view(q.size(0), latent_dim, categorical_dim)
        z = gumbel_softmax(q_y, temp)
        return self.decode(z), F.softmax(q_y, dim=-1).reshape(*q.size())


latent_dim = 12
categorical_dim = 8  # one-of-K vector
temp_min = 0.5
ANNEAL_RATE = 0.0003

model = VAE_gumbel()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


# Reconstruction summed over the pixels + KL divergence
def loss_function(recon_x, x, qy):
    BCE = F.binary_cross_entropy(recon_x, x, reduction="sum") / x.shape[0]
    qy = qy.view(len(x), latent_dim, categorical_dim)
    log_ratio = torch.log(qy * categorical_dim + 1e-20)
    KLD = torch.sum(qy * log_ratio, dim=-1).mean()
    return BCE + KLD


step = 0
for epoch in range(1, epochs + 1):
    model.train()
    train_loss = 0
    for data in train_loader:
        temp = max(temp_init * np.exp(-ANNEAL_RATE * step), temp_min)
        optimizer.zero_grad()
        recon_batch, qy = model(data, temp)
        loss = loss_function(recon_batch, data, qy)
        loss.backward()
        train_loss += loss.item() * len(data)
        optimizer.step()
        step += 1
    model.eval()
    test_loss = 0
    with torch.no_grad():
        for data in test_loader:
            recon_batch, qy = model(data, temp)
            test_loss += loss_function(recon_batch, data, qy).item() * len(data)
    test_loss /= 297
    writer.add_loss("test", test_loss)
    if epoch % 10 == 0:
        print('====> Epoch: {} Average loss: {:.4f} Test set loss: {:.4f}'.format(epoch, train_loss / 1500, test_loss))
writer.close()
print(f"RESULT train {train_loss / 1500:.3f} test {test_loss:.3f}")

"""VQ-VAE with the experiment class and yaml parameters of AntixK/PyTorch-VAE, on small images of signs."""
import sys
import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
config = {
    'model_params': {'in_channels': 1, 'embedding_dim': 8, 'num_embeddings': 48, 'beta': 0.25},
    'data_params': {'train_batch_size': 64, 'val_batch_size': 64},
    'exp_params': {'LR': 0.005, 'weight_decay': 0.0, 'scheduler_gamma': 0.0 if form == "faulty" else 0.9, 'manual_seed': 1265},
    'trainer_params': {'max_epochs': 10},
}
torch.manual_seed(config['exp_params']['manual_seed'])


def signs(n, seed, size=16):
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:size, :size]
    out = np.zeros((n, 1, size, size), np.float32)
    for i in range(n):
        cx, cy, r, w = rs.uniform(5, 11), rs.uniform(5, 11), rs.uniform(3, 5), rs.uniform(1, 1.8)
        k = rs.randint(4)
        d = np.hypot(xx - cx, yy - cy)
        m = [abs(d - r) < w, d < r, (abs(xx - cx) < w) | (abs(yy - cy) < w), abs(abs(xx - cx) - abs(yy - cy)) < w][k]
        out[i, 0] = np.where(m, rs.uniform(0.5, 1), rs.uniform(-1, -0.5))
    return np.clip(out + rs.normal(0, 0.05, out.shape), -1, 1).astype(np.float32)


class VectorQuantizer(nn.Module):
    def __init__(self, num_embeddings, embedding_dim, beta=0.25):
        super().__init__()
        self.K, self.D, self.beta = num_embeddings, embedding_dim, beta
        self.embedding = nn.Embedding(self.K, self.D)
        self.embedding.weight.data.normal_()

    def forward(self, latents):
        latents = latents.permute(0, 2, 3, 1).contiguous()
        flat = latents.view(-1, self.D)
        dist = flat.pow(2).sum(1, keepdim=True) + self.embedding.weight.pow(2).sum(1) - 2 * flat @ self.embedding.weight.t()
        quantized = self.embedding(dist.argmin(1)).view(latents.shape)
        commitment_loss = F.mse_loss(quantized.detach(), latents)
        embedding_loss = F.mse_loss(quantized, latents.detach())
        vq_loss = commitment_loss * self.beta + embedding_loss
        quantized = latents + (quantized - latents).detach()
        return quantized.permute(0, 3, 1, 2).contiguous(), vq_loss


class ResidualLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.resblock = nn.Sequential(nn.Conv2d(c, c, 3, padding=1, bias=False), nn.ReLU(True), nn.Conv2d(c, c, 1, bias=False))

    def forward(self, x):
        return x + self.resblock(x)


class VQVAE(nn.Module):
    def __init__(self, in_channels, embedding_dim, num_embeddings, beta):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(in_channels, 16, 4, 2, 1), nn.LeakyReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.LeakyReLU(),
                                     ResidualLayer(32), nn.LeakyReLU(), nn.Conv2d(32, embedding_dim, 1), nn.BatchNorm2d(embedding_dim))
        self.vq_layer = VectorQuantizer(num_embeddings, embedding_dim, beta)
        self.decoder = nn.Sequential(nn.Conv2d(embedding_dim, 32, 3, padding=1), nn.LeakyReLU(), ResidualLayer(32), nn.LeakyReLU(),
                                     nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.LeakyReLU(), nn.ConvTranspose2d(16, in_channels, 4, 2, 1), nn.Tanh())

    def forward(self, x):
        q, vq_loss = self.vq_layer(self.encoder(x))
        return self.decoder(q), x, vq_loss

    def loss_function(self, recons, x, vq_loss):
        recons_loss = F.mse_loss(recons, x)
        return {'loss': recons_loss + vq_loss, 'Reconstruction_Loss': recons_loss, 'VQ_Loss': vq_loss}


class VAEXperiment:
    def __init__(self, vae_model, params):
        self.model, self.params = vae_model, params
        self.optimizer = optim.Adam(self.model.parameters(), lr=params['LR'], weight_decay=params['weight_decay'])
        self.scheduler = optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=params['scheduler_gamma'])
        self.logger = DiagWriter(logdir)
        self.logger.watch(self.model, self.optimizer)

    def fit(self, train_loader, val_loader, max_epochs):
        for epoch in range(max_epochs):
            self.model.train()
            tot = 0
            for (x,) in train_loader:
                loss = self.model.loss_function(*self.model(x))
                self.logger.add_loss("train", loss['loss'])
                self.optimizer.zero_grad()
                loss['loss'].backward()
                self.optimizer.step()
                tot += loss['loss'].item() / len(train_loader)
            self.scheduler.step()
            with self.logger.evaluating("val"):
                v = r = 0
                for (x,) in val_loader:
                    loss = self.model.loss_function(*self.model(x))
                    self.logger.add_loss("val", loss['loss'])
                    v, r = v + loss['loss'].item() / len(val_loader), r + loss['Reconstruction_Loss'].item() / len(val_loader)
            print("Epoch %d: train %.4f val_loss %.4f val reconstruction %.4f" % (epoch, tot, v, r))
        print("RESULT val_loss %.4f reconstruction %.4f" % (v, r))
        self.logger.close()


train = DataLoader(TensorDataset(torch.tensor(signs(2560, 1))), batch_size=config['data_params']['train_batch_size'], shuffle=True)
val = DataLoader(TensorDataset(torch.tensor(signs(512, 2))), batch_size=config['data_params']['val_batch_size'])
VAEXperiment(VQVAE(**config['model_params']), config['exp_params']).fit(train, val, config['trainer_params']['max_epochs'])

"""VQ-VAE with exponential moving average codebook (zalandoresearch notebook), on generated 16x16 texture tiles."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)

batch_size = 64
num_training_updates = 1800
num_hiddens, embedding_dim, num_embeddings = 32, 16, 64
commitment_cost, decay = 0.25, 0.99
learning_rate = 2e-3


def tiles(n):
    yy, xx = torch.meshgrid(torch.arange(16.), torch.arange(16.), indexing='ij')
    a = torch.rand(n, 1, 1) * np.pi
    f = 0.3 + 0.9 * torch.rand(n, 1, 1)
    ph = 6.28 * torch.rand(n, 1, 1)
    wave = torch.sin(f * (xx * a.cos() + yy * a.sin()) + ph)
    cx, cy, r = 16 * torch.rand(n, 1, 1), 16 * torch.rand(n, 1, 1), 3 + 4 * torch.rand(n, 1, 1)
    disc = torch.sigmoid(2 * (r - ((xx - cx) ** 2 + (yy - cy) ** 2).sqrt()))
    img = (1 - disc) * wave + disc * torch.randn(n, 1, 1)
    return (0.5 * img + 0.12 * torch.randn(n, 16, 16)).unsqueeze(1)


class VectorQuantizerEMA(nn.Module):
    def __init__(self, epsilon=1e-5):
        super().__init__()
        self.register_buffer('_embedding', torch.randn(num_embeddings, embedding_dim))
        self.register_buffer('_ema_cluster_size', torch.ones(num_embeddings))
        self.register_buffer('_ema_w', self._embedding.clone())
        self._epsilon = epsilon

    def forward(self, inputs):
        flat = inputs.permute(0, 2, 3, 1).reshape(-1, embedding_dim)
        idx = torch.cdist(flat, self._embedding).argmin(1)
        enc = F.one_hot(idx, num_embeddings).float()
        quantized = self._embedding[idx].view(inputs.shape[0], *inputs.shape[2:], -1).permute(0, 3, 1, 2)
        if self.training:
            with torch.no_grad():
                self._ema_cluster_size.mul_(decay).add_(enc.sum(0), alpha=1 - decay)
                n = self._ema_cluster_size.sum()
                size = (self._ema_cluster_size + self._epsilon) / (n + num_embeddings * self._epsilon) * n
                self._ema_w.mul_(decay).add_(enc.t() @ flat, alpha=1 - decay)
                self._embedding.copy_(self._ema_w / size.unsqueeze(1))
        loss = commitment_cost * F.mse_loss(quantized.detach(), inputs)
        quantized = inputs + (quantized - inputs).detach()
        p = enc.mean(0)
        return loss, quantized, torch.exp(-(p * torch.log(p + 1e-10)).sum())


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        h = num_hiddens
        self._encoder = nn.Sequential(nn.Conv2d(1, h // 2, 4, 2, 1), nn.ReLU(), nn.Conv2d(h // 2, h, 4, 2, 1), nn.ReLU(), nn.Conv2d(h, h, 3, 1, 1), nn.ReLU())
        self._pre_vq_conv = nn.Conv2d(h, embedding_dim, 1)
        self._vq_vae = VectorQuantizerEMA()
        self._decoder = nn.Sequential(nn.Conv2d(embedding_dim, h, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(h, h // 2, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(h // 2, 1, 4, 2, 1))

    def forward(self, x):
        loss, quantized, perplexity = self._vq_vae(self._pre_vq_conv(self._encoder(x)))
        return loss, self._decoder(quantized), perplexity


training_data, validation_data = tiles(20000), tiles(1000)
data_variance = training_data.var().item()
model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, amsgrad=False)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
model.train()
res_recon_error, res_perplexity = [], []
for i in range(num_training_updates):
    data = training_data[torch.randint(len(training_data), (batch_size,))]
    optimizer.zero_grad()
    vq_loss, data_recon, perplexity = model(data)
    recon_error = F.mse_loss(data_recon, data) / data_variance
    loss = recon_error + vq_loss
    loss.backward()
    optimizer.step()
    writer.add_loss("train", loss.item())
    res_recon_error.append(recon_error.item())
    res_perplexity.append(perplexity.item())
    if i in (1100, 1500):
        for g in optimizer.param_groups:
            g['lr'] *= 0.2
    if (i + 1) % 100 == 0:
        model.eval()
        with torch.no_grad():
            vl, vr, vp = model(validation_data)
            val = (F.mse_loss(vr, validation_data) / data_variance + vl).item()
        model.train()
        print('%d iterations' % (i + 1), 'recon_error: %.3f' % np.mean(res_recon_error[-100:]), 'perplexity: %.3f' % np.mean(res_perplexity[-100:]), 'val loss: %.4f' % val)
writer.close()

# Spline-based transformer as an autoencoder for motion clips.
# control tokens are prepended to the sequence, the decoder only sees B-spline positions made from them
import sys
import math
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(42)

LEARNING_RATE = 3e-2 if form == "faulty" else 6e-3
STEPS = 540
BATCH = 32
SEQ = 24
DIM_IN = 9          # 3 joints, xyz
MODEL_DIM = 32
NUM_CONTROL = 4


def exists(v):
    return v is not None


def motion(n, gen):
    """swinging three-link limb: phases, speeds, amplitudes drawn per clip"""
    t = torch.linspace(0, 1, SEQ)[None, :, None]
    amp = torch.rand(n, 1, 3, generator=gen) * 0.9 + 0.1
    frq = torch.rand(n, 1, 3, generator=gen) * 1.5 + 0.5
    ph = torch.rand(n, 1, 3, generator=gen) * 2 * math.pi
    ang = amp * torch.sin(2 * math.pi * frq * t + ph)
    yaw = torch.rand(n, 1, 1, generator=gen) * 2 * math.pi
    pos, x, y, a = [], 0., 0., 0.
    for j in range(3):
        a = a + ang[..., j]
        x = x + torch.sin(a)
        y = y - torch.cos(a)
        pos.append(torch.stack([x * torch.cos(yaw[..., 0]), y, x * torch.sin(yaw[..., 0])], -1))
    clip = torch.cat(pos, -1)
    return clip + 0.02 * torch.randn(clip.shape, generator=gen)


class Block(nn.Module):
    def __init__(self, dim, heads=4):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
        self.to_out = nn.Linear(dim, dim, bias=False)
        self.norm2 = nn.LayerNorm(dim)
        self.ff = nn.Sequential(nn.Linear(dim, dim * 4), nn.GELU(), nn.Linear(dim * 4, dim))

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.to_qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(q, k, v)
        x = x + self.to_out(o.transpose(1, 2).reshape(b, n, d))
        return x + self.ff(self.norm2(x))


class SplineBasedTransformer(nn.Module):
    def __init__(self, dim, model_dim, enc_depth=2, dec_depth=2):
        super().__init__()
        self.mlp_in = nn.Linear(dim, model_dim)
        self.pos = nn.Parameter(torch.randn(SEQ, model_dim) * 0.02)
        self.control = nn.Parameter(torch.randn(NUM_CONTROL, model_dim) * 0.02)
        self.encoder = nn.Sequential(*[Block(model_dim) for _ in range(enc_depth)])
        self.to_latent = nn.Linear(model_dim, model_dim)
        self.decoder = nn.Sequential(*[Block(model_dim) for _ in range(dec_depth)])
        self.dec_pos = nn.Parameter(torch.randn(SEQ, model_dim) * 0.02)
        self.to_recon = nn.Linear(model_dim, dim)
        B = torch.tensor([[-1., 3, -3, 1], [3, -6, 3, 0], [-3, 0, 3, 0], [1, 4, 1, 0]]) / 6
        t = torch.linspace(0, 1, SEQ)
        self.register_buffer("basis", torch.stack([t ** 3, t ** 2, t, t ** 0], -1) @ B)

    def forward(self, x, return_loss=True):
        tokens = self.mlp_in(x) + self.pos
        tokens = torch.cat([self.control.expand(len(x), -1, -1), tokens], 1)
        latents = self.to_latent(self.encoder(tokens)[:, :NUM_CONTROL])
        splined = torch.einsum("tc,bcd->btd", self.basis, latents)
        recon = self.to_recon(self.decoder(splined + self.dec_pos))
        if not return_loss:
            return recon
        return F.mse_loss(recon, x)


gen = torch.Generator().manual_seed(0)
train, test = motion(2400, gen), motion(300, gen)
mean, std = train.mean((0, 1)), train.std((0, 1)) + 1e-3
train, test = (train - mean) / std, (test - mean) / std

model = SplineBasedTransformer(DIM_IN, MODEL_DIM)
opt = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
writer = DiagWriter(LOGDIR)
writer.watch(model, opt)

running = None
for step in range(STEPS):
    model.train()
    batch = train[torch.randint(0, len(train), (BATCH,))]
    loss = model(batch)
    loss.backward()
    opt.step()
    opt.zero_grad()
    running = loss.item() if not exists(running) else 0.95 * running + 0.05 * loss.item()
    if (step + 1) % 90 == 0:
        model.eval()
        with torch.no_grad():
            val = model(test).item()
        print(f"{step + 1}: loss {running:.4f}  recon on unseen clips {val:.4f}")

writer.close()

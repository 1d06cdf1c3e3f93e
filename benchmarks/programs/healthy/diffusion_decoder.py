"""Class-embedding conditioned DDPM decoder, lucidrains style: the model returns its own loss."""
import copy, math, sys
import torch
import torch.nn.functional as F
from torch import nn, einsum
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

logdir = sys.argv[1]
torch.set_num_threads(1)
torch.manual_seed(3)

LEARNING_RATE = 2e-3


def exists(v):
    return v is not None


class SinusoidalPosEmb(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        half = self.dim // 2
        emb = torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))
        emb = x[:, None].float() * emb[None, :]
        return torch.cat((emb.sin(), emb.cos()), dim=-1)


class ResnetBlock(nn.Module):
    def __init__(self, dim, dim_out, cond_dim, groups=4):
        super().__init__()
        self.cond_mlp = nn.Sequential(nn.SiLU(), nn.Linear(cond_dim, dim_out))
        self.block1 = nn.Sequential(nn.Conv2d(dim, dim_out, 3, padding=1), nn.GroupNorm(groups, dim_out), nn.SiLU())
        self.block2 = nn.Sequential(nn.Conv2d(dim_out, dim_out, 3, padding=1), nn.GroupNorm(groups, dim_out), nn.SiLU())
        self.res_conv = nn.Conv2d(dim, dim_out, 1) if dim != dim_out else nn.Identity()

    def forward(self, x, cond):
        h = self.block1(x)
        h = h + self.cond_mlp(cond)[:, :, None, None]
        return self.block2(h) + self.res_conv(x)


class Unet(nn.Module):
    def __init__(self, dim=12, image_embed_dim=10, channels=1):
        super().__init__()
        cond_dim = dim * 4
        self.time_mlp = nn.Sequential(SinusoidalPosEmb(dim), nn.Linear(dim, cond_dim), nn.GELU(), nn.Linear(cond_dim, cond_dim))
        self.image_to_cond = nn.Linear(image_embed_dim, cond_dim)
        self.null_image_embed = nn.Parameter(torch.randn(1, image_embed_dim))
        self.init_conv = nn.Conv2d(channels, dim, 5, padding=2)
        self.down1 = ResnetBlock(dim, dim, cond_dim)
        self.downsample = nn.Conv2d(dim, dim * 2, 4, 2, 1)
        self.mid1 = ResnetBlock(dim * 2, dim * 2, cond_dim)
        self.mid2 = ResnetBlock(dim * 2, dim * 2, cond_dim)
        self.upsample = nn.ConvTranspose2d(dim * 2, dim, 4, 2, 1)
        self.up1 = ResnetBlock(dim * 2, dim, cond_dim)
        self.final_conv = nn.Conv2d(dim, channels, 1)

    def forward(self, x, time, image_embed, image_cond_drop_prob=0.):
        keep = (torch.rand(x.shape[0], 1) >= image_cond_drop_prob)
        image_embed = torch.where(keep, image_embed, self.null_image_embed)
        cond = self.time_mlp(time) + self.image_to_cond(image_embed)
        x = self.init_conv(x)
        r = x = self.down1(x, cond)
        x = self.downsample(x)
        x = self.mid2(self.mid1(x, cond), cond)
        x = self.upsample(x)
        x = self.up1(torch.cat((x, r), dim=1), cond)
        return self.final_conv(x)


class Decoder(nn.Module):
    def __init__(self, unet, timesteps=100, image_cond_drop_prob=0.1):
        super().__init__()
        self.unet = unet
        self.num_timesteps = timesteps
        self.image_cond_drop_prob = image_cond_drop_prob
        s = 0.008
        t = torch.linspace(0, timesteps, timesteps + 1, dtype=torch.float64)
        ac = torch.cos(((t / timesteps) + s) / (1 + s) * math.pi * 0.5) ** 2
        ac = ac / ac[0]
        betas = torch.clip(1 - (ac[1:] / ac[:-1]), 0, 0.999)
        alphas_cumprod = torch.cumprod(1. - betas, 0).float()
        self.register_buffer('sqrt_ac', alphas_cumprod.sqrt())
        self.register_buffer('sqrt_om', (1 - alphas_cumprod).sqrt())

    def p_losses(self, x_start, times, image_embed, noise=None):
        noise = noise if exists(noise) else torch.randn_like(x_start)
        x_noisy = self.sqrt_ac[times, None, None, None] * x_start + self.sqrt_om[times, None, None, None] * noise
        drop = self.image_cond_drop_prob if self.training else 0.
        pred = self.unet(x_noisy, times, image_embed, drop)
        return F.mse_loss(pred, noise)

    def forward(self, image, image_embed):
        times = torch.randint(0, self.num_timesteps, (image.shape[0],))
        image = image * 2 - 1
        return self.p_losses(image, times, image_embed)


class EMA:
    def __init__(self, model, beta=0.995):
        self.ema_model, self.beta = copy.deepcopy(model), beta

    def update(self, model):
        with torch.no_grad():
            for e, p in zip(self.ema_model.parameters(), model.parameters()):
                e.mul_(self.beta).add_(p, alpha=1 - self.beta)


digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
embeds = F.one_hot(torch.tensor(digits.target), 10).float()
perm = torch.randperm(len(images))
images, embeds = images[perm], embeds[perm]
train_x, train_e, val_x, val_e = images[:1500], embeds[:1500], images[1500:], embeds[1500:]

decoder = Decoder(Unet())
opt = torch.optim.Adam(decoder.parameters(), lr=LEARNING_RATE)
ema = EMA(decoder, beta=0.99)
writer = DiagWriter(logdir)
writer.watch(decoder, opt)

BATCH = 24
step, total = 0, 900
running = []
while step < total:
    decoder.train()
    idx = torch.randint(0, len(train_x), (BATCH,))
    loss = decoder(train_x[idx], train_e[idx])
    writer.add_loss("train", loss)
    loss.backward()
    opt.step()
    opt.zero_grad()
    ema.update(decoder)
    running.append(loss.item())
    step += 1
    if step % 100 == 0:
        ema.ema_model.eval()
        g = torch.random.get_rng_state()
        torch.manual_seed(1)
        with torch.no_grad():
            val = sum(ema.ema_model(val_x, val_e).item() for _ in range(3)) / 3
        torch.random.set_rng_state(g)
        writer.add_loss("val", val)
        print(f"{step}: loss {sum(running) / len(running):.4f} ema valid loss {val:.4f}")
        running = []
writer.close()

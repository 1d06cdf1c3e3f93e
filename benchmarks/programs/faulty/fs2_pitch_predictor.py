# Phoneme-level pitch predictor, FastSpeech2 style encoder (shrunk from the recipe)
import sys, math
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

variant = sys.argv[1]
torch.set_num_threads(1)
torch.manual_seed(1234)
rng = np.random.RandomState(1234)

N_PHONES, D_MODEL, N_LAYERS, N_HEADS = 42, 48, 2, 2


def get_key_padding_mask(padded_input, pad_idx=0):
    """True at the padded positions (as nn.MultiheadAttention wants it)."""
    return padded_input.eq(pad_idx)


class PositionalEmbedding(nn.Module):
    def __init__(self, embed_dim):
        super().__init__()
        self.demb = embed_dim
        inv_freq = 1 / (10000 ** (torch.arange(0.0, embed_dim, 2.0) / embed_dim))
        self.register_buffer("inv_freq", inv_freq)

    def forward(self, seq_len, mask, dtype):
        pos_seq = torch.arange(seq_len, dtype=dtype)
        sinusoid_inp = torch.matmul(pos_seq.unsqueeze(-1), self.inv_freq.unsqueeze(0))
        pos_emb = torch.cat([sinusoid_inp.sin(), sinusoid_inp.cos()], dim=1)
        return pos_emb[None, :, :] * mask[:, :, None]


class PitchPredictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc_emb = nn.Embedding(N_PHONES + 1, D_MODEL, padding_idx=0)
        self.sinusoidal_positional_embed_encoder = PositionalEmbedding(D_MODEL)
        layer = nn.TransformerEncoderLayer(D_MODEL, N_HEADS, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, N_LAYERS, nn.LayerNorm(D_MODEL), enable_nested_tensor=False)
        self.pitch = nn.Sequential(nn.Linear(D_MODEL, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, tokens):
        srcmask = get_key_padding_mask(tokens)
        srcmask_inverted = (~srcmask).float()
        token_feats = self.enc_emb(tokens)
        if variant == "faulty":
            pos = self.sinusoidal_positional_embed_encoder(tokens.shape[1], srcmask, token_feats.dtype)
        else:
            pos = self.sinusoidal_positional_embed_encoder(tokens.shape[1], srcmask_inverted, token_feats.dtype)
        token_feats = token_feats + pos
        out = self.encoder(token_feats, src_key_padding_mask=srcmask)
        return self.pitch(out).squeeze(-1)


# ------------------------------------------------------------------ "LJ-like" data
phone_pitch = rng.normal(0, .35, N_PHONES + 1)


def utterance():
    n = rng.randint(10, 28)
    ph = rng.randint(1, N_PHONES + 1, n)
    t = np.arange(n)
    f0 = phone_pitch[ph].copy()
    f0 += 1.4 - 0.09 * t                               # declination
    accent = (ph % 7 == 0)                             # accented vowels raise themselves and the next phone
    f0[accent] += .8
    f0[1:][accent[:-1]] += .5
    f0[-2:] += -0.6 if rng.rand() < .8 else 0.9        # statement / question
    return ph, f0 + rng.normal(0, .25, n)


class UttSet(torch.utils.data.Dataset):
    def __init__(self, n):
        self.items = [utterance() for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    L = max(len(p) for p, _ in batch)
    x = torch.zeros(len(batch), L, dtype=torch.long)
    y = torch.zeros(len(batch), L)
    for i, (p, f) in enumerate(batch):
        x[i, :len(p)] = torch.from_numpy(p)
        y[i, :len(p)] = torch.from_numpy(f).float()
    return x, y


class MaskedMSE(nn.Module):
    def forward(self, pred, target, mask):
        return ((pred - target) ** 2 * mask).sum() / mask.sum()


train_set, valid_set = UttSet(1800), UttSet(300)
train_loader = torch.utils.data.DataLoader(train_set, batch_size=32, shuffle=True, collate_fn=collate)
valid_loader = torch.utils.data.DataLoader(valid_set, batch_size=100, collate_fn=collate)

model = PitchPredictor()
loss_fn = MaskedMSE()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 10)

writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)
for epoch in range(1, 11):
    model.train()
    losses = []
    for x, y in train_loader:
        opt.zero_grad()
        loss = loss_fn(model(x), y, (x != 0).float())
        loss.backward()
        opt.step()
        losses.append(loss.item())
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = [loss_fn(model(x), y, (x != 0).float()).item() for x, y in valid_loader]
    print("epoch: %d, train loss: %.4f - valid loss: %.4f" % (epoch, np.mean(losses), np.mean(v)))
writer.close()
print(f"RESULT train_mse={np.mean(losses):.4f} val_mse={np.mean(v):.4f}")

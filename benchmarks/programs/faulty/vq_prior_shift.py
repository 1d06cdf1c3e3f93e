"""Second stage of a VQ-VAE: a decoder-only transformer over the 4 x 4 codes of an image, in raster order. Trainer in MONAI's tutorial style."""
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.nn import CrossEntropyLoss
from torch.utils.data import DataLoader

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
NUM_TOKENS, SIDE = 8, 4
BOS = NUM_TOKENS


def code_maps(n, seed):
    """Codes of 'hands': vertical bars carry on downwards, the background tone is one of two per image."""
    rng = np.random.default_rng(seed)
    z = np.zeros((n, SIDE, SIDE), np.int64)
    z[:, 0] = rng.integers(0, NUM_TOKENS, (n, SIDE))
    for r in range(1, SIDE):
        step = rng.choice([1, 1, 1, 2], (n, SIDE))
        z[:, r] = (z[:, r - 1] + step) % NUM_TOKENS
    return torch.from_numpy(z.reshape(n, -1))


def is_valid(seq):
    z = seq.view(-1, SIDE, SIDE)
    d = (z[:, 1:] - z[:, :-1]) % NUM_TOKENS
    return ((d == 1) | (d == 2)).float().mean().item()


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, num_tokens, max_seq_len, attn_layers_dim=48, attn_layers_depth=2, attn_layers_heads=4):
        super().__init__()
        self.token_embeddings = nn.Embedding(num_tokens, attn_layers_dim)
        self.position_embeddings = nn.Embedding(max_seq_len, attn_layers_dim)
        layer = nn.TransformerEncoderLayer(attn_layers_dim, attn_layers_heads, 2 * attn_layers_dim, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, attn_layers_depth, enable_nested_tensor=False)
        self.ln = nn.LayerNorm(attn_layers_dim)
        self.to_logits = nn.Linear(attn_layers_dim, num_tokens)

    def forward(self, x):
        t = x.shape[1]
        h = self.token_embeddings(x) + self.position_embeddings(torch.arange(t))
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        return self.to_logits(self.ln(self.blocks(h, mask=mask, is_causal=True)))


@torch.no_grad()
def sample(model, n=300):
    model.eval()
    seq = torch.full((n, 1), BOS)
    for _ in range(SIDE * SIDE):
        logits = model(seq)[:, -1, :NUM_TOKENS]
        seq = torch.cat([seq, torch.multinomial(logits.softmax(-1), 1)], 1)
    return seq[:, 1:]


with_bos = lambda z: torch.cat([torch.full((len(z), 1), BOS), z], 1)
train_loader = DataLoader(with_bos(code_maps(2000, 0)), batch_size=64, shuffle=True, drop_last=True)
val_codes = with_bos(code_maps(400, 1))

transformer = DecoderOnlyTransformer(NUM_TOKENS + 1, SIDE * SIDE + 1)
optimizer = torch.optim.Adam(transformer.parameters(), lr=2e-3)
ce_loss = CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(transformer, optimizer, ce_loss)


def compute_loss(latent):
    logits = transformer(latent).transpose(1, 2)
    if form == "faulty":
        return ce_loss(logits, latent)
    return ce_loss(logits[:, :, :-1], latent[:, 1:])


for epoch in range(9):
    transformer.train()
    epoch_loss = 0
    for step, latent in enumerate(train_loader):
        optimizer.zero_grad(set_to_none=True)
        loss = compute_loss(latent)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / len(train_loader)
    transformer.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            val_loss = compute_loss(val_codes).item()
        nll = nn.functional.cross_entropy(transformer(val_codes).transpose(1, 2)[:, :, :-1], val_codes[:, 1:]).item()
    if epoch % 4 == 0:
        print(f"Epoch {epoch}: ce_loss {epoch_loss:.4f} val {val_loss:.4f} | next code nll {nll:.4f} | valid transitions in samples {is_valid(sample(transformer)):.3f}")
writer.close()

"""Sparse autoencoder on the activations of a (fixed) toy model with features in superposition.
Follows the recipe of 'Towards Monosemanticity' / neelnanda's 1L-Sparse-Autoencoder: untied weights, decoder rows of unit norm,
decoder bias taken off first, reconstruction + l1_coeff * |acts|."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(49)

cfg = {
    "n_feat": 96,       # true features
    "d_act": 32,        # they live in 32 dimensions
    "dict_mult": 4,
    "lr": 3e-3,
    "l1_coeff": 0.3,
    "batch_size": 512,
    "steps": 2500,
    "beta1": 0.9,
    "beta2": 0.99,
}

W_true = F.normalize(torch.randn(cfg["n_feat"], cfg["d_act"]), dim=1)
# feature frequencies fall off like Zipf's law, 1 to 3 are on at a time
freq = 0.16 * (torch.arange(cfg["n_feat"]) + 2.0) ** -0.55


class ActivationBuffer:
    def __init__(self, seed):
        self.g = torch.Generator().manual_seed(seed)

    def next(self):
        n = cfg["batch_size"]
        on = torch.rand(n, cfg["n_feat"], generator=self.g) < freq
        size = 0.5 + torch.rand(n, cfg["n_feat"], generator=self.g)
        feats = on * size
        return feats @ W_true + 0.02 * torch.randn(n, cfg["d_act"], generator=self.g), feats


class AutoEncoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        d_hidden = cfg["d_act"] * cfg["dict_mult"]
        self.l1_coeff = cfg["l1_coeff"]
        self.W_enc = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(cfg["d_act"], d_hidden)))
        self.W_dec = nn.Parameter(F.normalize(torch.randn(d_hidden, cfg["d_act"]), dim=-1))
        self.b_enc = nn.Parameter(torch.zeros(d_hidden))
        self.b_dec = nn.Parameter(torch.zeros(cfg["d_act"]))

    def forward(self, x):
        acts = F.relu((x - self.b_dec) @ self.W_enc + self.b_enc)
        x_reconstruct = acts @ self.W_dec + self.b_dec
        l2_loss = (x_reconstruct - x).pow(2).sum(-1).mean(0)
        l1_loss = self.l1_coeff * acts.abs().sum(-1).mean()
        return l2_loss + l1_loss, x_reconstruct, acts, l2_loss, l1_loss

    @torch.no_grad()
    def make_decoder_weights_and_grad_unit_norm(self):
        W_dec_normed = self.W_dec / self.W_dec.norm(dim=-1, keepdim=True)
        self.W_dec.grad -= (self.W_dec.grad * W_dec_normed).sum(-1, keepdim=True) * W_dec_normed
        self.W_dec.data = W_dec_normed


encoder = AutoEncoder(cfg)
buffer = ActivationBuffer(0)
encoder_optim = torch.optim.Adam(encoder.parameters(), lr=cfg["lr"], betas=(cfg["beta1"], cfg["beta2"]))
# decay over the last fifth
sched = torch.optim.lr_scheduler.LambdaLR(encoder_optim, lambda s: min(1.0, (cfg["steps"] - s) / (0.2 * cfg["steps"])))
writer = DiagWriter(sys.argv[1])
writer.watch(encoder, encoder_optim)

for i in range(cfg["steps"]):
    acts, _ = buffer.next()
    loss, x_reconstruct, mid_acts, l2_loss, l1_loss = encoder(acts)
    writer.add_loss("train", loss)
    loss.backward()
    encoder.make_decoder_weights_and_grad_unit_norm()
    encoder_optim.step()
    encoder_optim.zero_grad()
    sched.step()
    if (i + 1) % 500 == 0:
        print({"step": i + 1, "loss": round(loss.item(), 4), "l2": round(l2_loss.item(), 4), "l1": round(l1_loss.item(), 4),
               "L0": round((mid_acts > 0).float().sum(-1).mean().item(), 2)})
writer.close()

held = ActivationBuffer(123)
with torch.no_grad():
    out, fired = [], torch.zeros(cfg["d_act"] * cfg["dict_mult"])
    for _ in range(20):
        x, f = held.next()
        loss, rec, a, l2, l1 = encoder(x)
        fired += (a > 0).float().sum(0)
        out.append([loss.item(), 1 - l2.item() / (x - x.mean(0)).pow(2).sum(-1).mean().item(), (a > 0).float().sum(-1).mean().item(),
                    (f > 0).float().sum(-1).mean().item()])
    m = torch.tensor(out).mean(0)
    mcs = (W_true @ F.normalize(encoder.W_dec, dim=-1).T).max(1).values
print(f"RESULT held-out loss {m[0]:.4f} explained {m[1]:.3f} L0 {m[2]:.2f} (true {m[3]:.2f}) dead {(fired == 0).sum().item()} "
      f"mean max cosine {mcs.mean():.3f} recovered {(mcs > .9).float().mean():.2f}")

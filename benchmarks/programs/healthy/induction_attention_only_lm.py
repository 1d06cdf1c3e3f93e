"""Two-layer attention-only transformer on sequences with a repeated half. The first half is random (nothing can be
predicted but ln V), the second half can be copied once an induction circuit has formed; the loss sits on a plateau before that."""
import math, sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

V, T, D, H = 24, 16, 64, 4


class Attn(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D, bias=False)
        self.o = nn.Linear(D, D, bias=False)

    def forward(self, x):
        B, L, _ = x.shape
        q, k, v = [t.view(B, L, H, D // H).transpose(1, 2) for t in self.qkv(x).chunk(3, -1)]
        return self.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, L, D))


class AttnOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(V, D)
        self.pos = nn.Embedding(2 * T, D)
        self.ln = nn.ModuleList([nn.LayerNorm(D) for _ in range(3)])
        self.att = nn.ModuleList([Attn() for _ in range(2)])
        self.unembed = nn.Linear(D, V, bias=False)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        for ln, a in zip(self.ln, self.att):
            x = x + a(ln(x))
        return self.unembed(self.ln[2](x))


def sample(B, g):
    half = torch.randint(V, (B, T), generator=g)
    off = torch.randint(0, T // 2, (B,), generator=g)
    # repetition starts at a random place so that position alone does not give the answer
    seq = torch.cat([half, half], 1)
    rnd = torch.randint(V, (B, 2 * T), generator=g)
    out = rnd.clone()
    period = T - off
    for i in range(B):
        p = period[i].item()
        out[i] = rnd[i, :p].repeat(math.ceil(2 * T / p))[:2 * T]
    return out, period


def main():
    torch.manual_seed(0); torch.set_num_threads(1)
    g = torch.Generator().manual_seed(1)
    net = AttnOnly()
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 100) * (1 if s < 1500 else max(0.05, (2000 - s) / 500)))
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, opt)
    vx, vp = sample(256, torch.Generator().manual_seed(99))
    for step in range(2000):
        ids, _ = sample(32, g)
        logits = net(ids[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, V), ids[:, 1:].reshape(-1))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step(); sched.step()
        if step % 100 == 99:
            with writer.evaluating("val"):
                lp = F.cross_entropy(net(vx[:, :-1]).transpose(1, 2), vx[:, 1:], reduction="none")
            writer.add_scalar("Loss/val", lp.mean().item(), step)
            print(step + 1, loss.item(), lp.mean().item(), lp[:, -8:].mean().item())
    writer.close()
    pos = torch.arange(1, 2 * T)[None]
    floor = (pos < vp[:, None]).float().mean().item() * math.log(V)
    print("RESULT val_loss", round(lp.mean().item(), 4), "second_half", round(lp[:, -8:].mean().item(), 4), "entropy_floor_without_ambiguity", round(floor, 4))


main()

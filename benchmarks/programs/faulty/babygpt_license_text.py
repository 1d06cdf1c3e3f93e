"""A very small GPT on the text of the Python licence / help topics (pydoc_data.topics), character level."""
import math, sys
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


@dataclass
class GPTConfig:
    vocab_size: int = 0
    block_size: int = 48
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 64
    init_range: float = 0.02


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(c.n_embd), nn.LayerNorm(c.n_embd)
        self.qkv, self.proj = nn.Linear(c.n_embd, 3 * c.n_embd), nn.Linear(c.n_embd, c.n_embd)
        self.fc, self.fc_proj = nn.Linear(c.n_embd, 4 * c.n_embd), nn.Linear(4 * c.n_embd, c.n_embd)
        self.h = c.n_head

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.ln_1(x)).split(C, 2)
        q, k, v = (t.view(B, T, self.h, C // self.h).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.fc_proj(F.gelu(self.fc(self.ln_2(x))))


class GPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.wte, self.wpe = nn.Embedding(c.vocab_size, c.n_embd), nn.Embedding(c.block_size, c.n_embd)
        self.blocks = nn.Sequential(*[Block(c) for _ in range(c.n_layer)])
        self.ln_f = nn.LayerNorm(c.n_embd)
        self.lm_head = nn.Linear(c.n_embd, c.vocab_size, bias=False)
        self.apply(self._init_weights)

    def _init_weights(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            m.weight.data.normal_(mean=0.0, std=self.config.init_range)
        if isinstance(m, nn.Linear) and m.bias is not None:
            m.bias.data.zero_()

    def forward(self, idx, targets=None):
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        logits = self.lm_head(self.ln_f(self.blocks(x)))
        loss = None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss


def get_batch(data, c, g, bs=16):
    ix = torch.randint(len(data) - c.block_size - 1, (bs,), generator=g)
    x = torch.stack([data[i:i + c.block_size] for i in ix])
    return x, torch.stack([data[i + 1:i + 1 + c.block_size] for i in ix])


def main(form, logdir):
    torch.set_num_threads(1)
    torch.manual_seed(1337)
    g = torch.Generator().manual_seed(0)
    from pydoc_data.topics import topics
    text = "\n".join(topics[k] for k in sorted(topics))[:300000]
    chars = sorted(set(text))
    data = torch.tensor([chars.index(ch) for ch in text])
    n = int(.9 * len(data))
    train, val = data[:n], data[n:]
    cfg = GPTConfig(vocab_size=len(chars))
    if form == "faulty":
        cfg.init_range = 0.5
    model = GPT(cfg)
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(.9, .95), weight_decay=.1)
    writer = DiagWriter(logdir)
    writer.watch(model, opt)
    iters = 1000
    for it in range(iters):
        lr = 2e-3 * min(1, (it + 1) / 50) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * it / iters)))
        for gr in opt.param_groups:
            gr["lr"] = lr
        xb, yb = get_batch(train, cfg, g)
        _, loss = model(xb, yb)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        writer.add_scalar("Loss/train", loss.item(), it)
        if it % 100 == 99:
            model.eval()
            gv = torch.Generator().manual_seed(1)
            with writer.evaluating("val"):
                vl = sum(model(*get_batch(val, cfg, gv))[1].item() for _ in range(15)) / 15
            writer.add_scalar("Loss/val", vl, it)
            model.train()
            print(f"iter {it+1}: train {loss.item():.3f} val {vl:.3f}")
    writer.close()
    print(f"RESULT val_loss {vl:.4f} bits_per_char {vl / math.log(2):.4f}")


main(sys.argv[1], sys.argv[2])

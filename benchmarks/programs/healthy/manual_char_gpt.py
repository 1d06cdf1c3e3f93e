# a small GPT on characters, after the "let's build GPT" lecture
import sys, math
import torch
import torch.nn as nn
from torch.nn import functional as F
from pydoc_data import topics
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1337)
batch_size, block_size = 24, 32
max_iters, eval_interval, eval_iters = 1400, 100, 15
learning_rate = 3e-3
n_embd, n_head, n_layer, dropout = 48, 4, 2, 0.0

text = "\n".join(v for k, v in sorted(topics.topics.items()))
text = "".join(c for c in text.lower() if ord(c) < 128)
chars = sorted(set(text))
stoi = {ch: i for i, ch in enumerate(chars)}
paras = text.split("\n\n")
g = torch.Generator().manual_seed(0)
paras = [paras[i] for i in torch.randperm(len(paras), generator=g)]
text = "\n\n".join(paras)
data = torch.tensor([stoi[c] for c in text])
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]

def get_batch(split):
    d = train_data if split == "train" else val_data
    ix = torch.randint(len(d) - block_size, (batch_size,))
    return torch.stack([d[i:i + block_size] for i in ix]), torch.stack([d[i + 1:i + block_size + 1] for i in ix])

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.proj = nn.Linear(n_embd, n_embd)
        self.ffwd = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.ReLU(), nn.Linear(4 * n_embd, n_embd), nn.Dropout(dropout))
        self.ln1, self.ln2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)
    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(B, T, 3, n_head, C // n_head).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.ffwd(self.ln2(x))

class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(len(chars), n_embd)
        self.pos = nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(*[Block() for _ in range(n_layer)])
        self.ln_f = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, len(chars))
        for p in self.modules():
            if isinstance(p, (nn.Linear, nn.Embedding)):
                nn.init.normal_(p.weight, 0.0, 0.02)
    def forward(self, idx, targets=None):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        logits = self.lm_head(self.ln_f(self.blocks(x)))
        loss = None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss

model = GPT()
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min(1, (i + 1) / 50) * (0.1 + 0.45 * (1 + math.cos(math.pi * i / max_iters))))
w = DiagWriter(sys.argv[1])
w.watch(model, optimizer)

@torch.no_grad()
def estimate_loss():
    out = {}
    model.eval()
    for split in ["train", "val"]:
        out[split] = sum(model(*get_batch(split))[1].item() for _ in range(eval_iters)) / eval_iters
    model.train()
    return out

for it in range(max_iters):
    if it % eval_interval == 0 or it == max_iters - 1:
        l = estimate_loss()
        w.add_scalar("loss/val", l["val"], it)
        print(f"step {it}: train loss {l['train']:.4f}, val loss {l['val']:.4f}")
    xb, yb = get_batch("train")
    logits, loss = model(xb, yb)
    w.add_loss("train", loss)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    sched.step()
w.close()

# tiny gpt on generated text, AdamW; python port of a hobby rust project
import sys, math, random
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1); random.seed(1)

ctx, d, heads, blocks, batch, iters = 24, 48, 4, 2, 16, 1500
base_lr, min_lr = 0.015, 0.00001
decay = sys.argv[1] == 'fixed'

subj = ['the king', 'a knight', 'my lord', 'the queen', 'old tom', 'the fool']
verb = {'the king': 'rules', 'a knight': 'rides', 'my lord': 'sleeps', 'the queen': 'sings', 'old tom': 'drinks', 'the fool': 'laughs'}
where = ['at dawn', 'in the hall', 'by the river', 'with joy', 'alone']
def line():
    s = random.choice(subj)
    v = verb[s] if random.random() < .9 else random.choice(list(verb.values()))
    n = random.randint(2, 9)
    return f'{s} {v} {random.choice(where)}, {n} and {n + 1}.\n'
text = ''.join(line() for _ in range(2500))
chars = sorted(set(text)); V = len(chars); ids = torch.tensor([chars.index(c) for c in text])
cut = int(.9 * len(ids)); tr, va = ids[:cut], ids[cut:]

class Block(nn.Module):
    def __init__(s):
        super().__init__()
        s.n1, s.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        s.qkv, s.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        s.up, s.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
    def forward(s, x):
        B, T, _ = x.shape
        q, k, v = s.qkv(s.n1(x)).view(B, T, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + s.proj(a.transpose(1, 2).reshape(B, T, d))
        return x + s.down(F.gelu(s.up(s.n2(x))))

class GPT(nn.Module):
    def __init__(s):
        super().__init__()
        s.tok, s.pos = nn.Embedding(V, d), nn.Embedding(ctx, d)
        s.blocks = nn.Sequential(*[Block() for _ in range(blocks)])
        s.norm, s.head = nn.LayerNorm(d), nn.Linear(d, V)
        for m in s.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)): nn.init.normal_(m.weight, std=.05)
    def forward(s, i):
        return s.head(s.norm(s.blocks(s.tok(i) + s.pos.weight[:i.shape[1]])))

def sample(data, n):
    o = torch.randint(0, len(data) - ctx - 1, (n,))
    return torch.stack([data[i:i + ctx] for i in o]), torch.stack([data[i + 1:i + ctx + 1] for i in o])

gpt = GPT()
opt = torch.optim.AdamW(gpt.parameters(), lr=base_lr, weight_decay=.01)
w = DiagWriter(sys.argv[2]); w.watch(gpt, opt, F.cross_entropy)
torch.manual_seed(2)
vx, vy = sample(va, 256)
for it in range(iters):
    if decay:
        opt.param_groups[0]['lr'] = max(min_lr, base_lr - (base_lr - min_lr) * it / iters)
    x, y = sample(tr, batch)
    loss = F.cross_entropy(gpt(x).flatten(0, 1), y.flatten())
    opt.zero_grad(); loss.backward(); opt.step()
    if it % 100 == 99:
        gpt.eval()
        with w.evaluating('val'):
            v = F.cross_entropy(gpt(vx).flatten(0, 1), vy.flatten()).item()
        gpt.train()
        print('step', it + 1, 'loss', round(loss.item(), 4), 'val', round(v, 4))
w.close()
print(f'RESULT val loss {v:.4f}')

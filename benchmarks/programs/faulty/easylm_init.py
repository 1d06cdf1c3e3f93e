# minimal LLaMA-like language model on templated recipe steps (RMSNorm, rotary-free learned positions, SwiGLU)
import sys, math, random
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1); torch.manual_seed(0); random.seed(0)

CFG = dict(vocab_size=0, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
           max_sequence_length=48, initializer_range=1.0 if FORM == "faulty" else 0.02,
           lr=2e-3, total_steps=450, batch_size=16, lr_warmup_steps=40)

ING = "flour sugar butter eggs milk salt onions garlic carrots rice beans pepper".split()
ACT = {"mix": "in a bowl", "chop": "on a board", "boil": "in a pot", "fry": "in a pan", "bake": "in the oven", "rest": "in the fridge"}
def recipe():
    ing = random.sample(ING, 3)
    s = "take %s , %s and %s . " % tuple(ing)
    for i in ing:                       # the ingredients come back in the order in which they were listed
        a = random.choice(list(ACT))
        s += "%s the %s %s for %d minutes . " % (a, i, ACT[a], random.choice([5, 10, 20]))
    return s + "serve ."
docs = [recipe() for _ in range(4000)]
text = " <s> ".join(docs).split()
vocab = {w: i for i, w in enumerate(sorted(set(text)))}
CFG["vocab_size"] = len(vocab)
ids = torch.tensor([vocab[w] for w in text])
n = int(len(ids) * .95)
train_ids, eval_ids = ids[:n], ids[n:]
print("tokens", len(train_ids), "vocab", len(vocab))


class RMSNorm(nn.Module):
    def __init__(self, d):
        super().__init__(); self.weight = nn.Parameter(torch.ones(d))
    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, f = c["hidden_size"], c["intermediate_size"]; self.h = c["num_attention_heads"]
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.w1, self.w3, self.w2 = nn.Linear(d, f, bias=False), nn.Linear(d, f, bias=False), nn.Linear(f, d, bias=False)
        self.attention_norm, self.ffn_norm = RMSNorm(d), RMSNorm(d)
    def forward(self, x):
        b, t, d = x.shape
        z = self.attention_norm(x)
        q, k, v = (w(z).view(b, t, self.h, d // self.h).transpose(1, 2) for w in (self.wq, self.wk, self.wv))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, d)
        x = x + self.wo(a)
        z = self.ffn_norm(x)
        return x + self.w2(F.silu(self.w1(z)) * self.w3(z))


class LM(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.wte = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.wpe = nn.Embedding(c["max_sequence_length"], c["hidden_size"])
        self.layers = nn.ModuleList([Layer(c) for _ in range(c["num_hidden_layers"])])
        self.ln_f = RMSNorm(c["hidden_size"])
        self.lm_head = nn.Linear(c["hidden_size"], c["vocab_size"], bias=False)
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, std=c["initializer_range"])
    def forward(self, x):
        h = self.wte(x) + self.wpe(torch.arange(x.shape[1]))
        for l in self.layers: h = l(h)
        return self.lm_head(self.ln_f(h))


def batch(src, bs):
    T = CFG["max_sequence_length"]
    s = torch.randint(0, len(src) - T - 1, (bs,))
    return torch.stack([src[i:i + T] for i in s]), torch.stack([src[i + 1:i + T + 1] for i in s])

model = LM(CFG)
decay = [p for p in model.parameters() if p.dim() > 1]; rest = [p for p in model.parameters() if p.dim() == 1]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=CFG["lr"], betas=(0.9, 0.95))
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, opt, criterion)
ex, ey = batch(eval_ids, 64)
for step in range(CFG["total_steps"]):
    w = CFG["lr_warmup_steps"]
    lr = CFG["lr"] * (step + 1) / w if step < w else CFG["lr"] * (0.1 + 0.45 * (1 + math.cos(math.pi * (step - w) / (CFG["total_steps"] - w))))
    for g in opt.param_groups: g["lr"] = lr
    x, y = batch(train_ids, CFG["batch_size"])
    loss = criterion(model(x).flatten(0, 1), y.flatten())
    opt.zero_grad(set_to_none=True); loss.backward()
    gn = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 50 == 0 or step == CFG["total_steps"] - 1:
        with torch.no_grad():
            lo = model(ex); el = F.cross_entropy(lo.flatten(0, 1), ey.flatten()).item()
            acc = (lo.argmax(-1) == ey).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} gradient_norm {gn:.2f} eval_loss {el:.4f} eval_accuracy {acc:.4f}")
writer.close()

# Small CLIP in the way of moein-shariatnia/OpenAI-CLIP and open_clip: image CNN, text transformer, learnt logit scale,
# symmetric InfoNCE, AdamW wd 0.2 on matrices only, warm-up then cosine
import sys, math, random
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(11); random.seed(11)

colors = {"red": (1, .1, .1), "green": (.1, .9, .1), "blue": (.1, .2, 1), "yellow": (.9, .9, .1), "white": (1, 1, 1), "purple": (.7, .1, .8)}
shapes, sizes, places = ["square", "disc", "cross", "bar", "ring"], ["small", "large"], ["left", "right", "top", "bottom"]
fillers = ["a photo of a", "there is a", "a picture showing a", "one"]
words = ["<pad>", "<eot>"] + sorted(set(" ".join(fillers).split()) | set(colors) | set(shapes) | set(sizes) | {"at", "on", "the"} | set(places))
vocab = {w: i for i, w in enumerate(words)}
CTX = 12

def sample():
    c, s, z, p = random.choice(list(colors)), random.choice(shapes), random.choice(sizes), random.choice(places)
    txt = f"{random.choice(fillers)} {z} {c} {s} " + ("on" if p in ("left", "right") else "at") + f" the {p}"
    ids = [vocab[w] for w in txt.split()] + [1]
    ids += [0] * (CTX - len(ids))
    cx, cy = {"left": (6, 12), "right": (18, 12), "top": (12, 6), "bottom": (12, 18)}[p]
    cx += random.uniform(-2, 2); cy += random.uniform(-2, 2); r = (3 if z == "small" else 5) + random.uniform(-.4, .4)
    yy, xx = torch.meshgrid(torch.arange(24.), torch.arange(24.), indexing="ij")
    dx, dy = (xx - cx).abs(), (yy - cy).abs(); rr = (dx ** 2 + dy ** 2).sqrt()
    m = {"square": (dx < r) & (dy < r), "disc": rr < r, "cross": ((dx < r) & (dy < r / 3)) | ((dy < r) & (dx < r / 3)),
         "bar": (dx < r) & (dy < r / 2.5), "ring": (rr < r) & (rr > r / 2)}[s].float()
    img = .25 * torch.rand(3, 1, 1) + .08 * torch.randn(3, 24, 24) + m * torch.tensor(colors[c]).view(3, 1, 1) * random.uniform(.7, 1)
    return (img - .3) / .3, torch.tensor(ids)

def make(n):
    a, b = zip(*[sample() for _ in range(n)])
    return torch.stack(a), torch.stack(b)

class CLIP(nn.Module):
    def __init__(self, dim=64, embed=64):
        super().__init__()
        self.visual = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
                                    nn.Conv2d(64, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 9, embed))
        self.token_embedding = nn.Embedding(len(vocab), dim)
        self.positional_embedding = nn.Parameter(torch.randn(CTX, dim) * .01)
        self.transformer = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, 4, 128, 0., activation="gelu", batch_first=True, norm_first=True), 2, enable_nested_tensor=False)
        self.ln_final = nn.LayerNorm(dim)
        self.text_projection = nn.Parameter(torch.randn(dim, embed) * dim ** -.5)
        self.logit_scale = nn.Parameter(torch.ones([]) * math.log(1 / .07))
    def forward(self, img, txt):
        f = F.normalize(self.visual(img), dim=-1)
        h = self.ln_final(self.transformer(self.token_embedding(txt) + self.positional_embedding, src_key_padding_mask=txt == 0))
        g = F.normalize(h[torch.arange(len(txt)), (txt == 1).int().argmax(-1)] @ self.text_projection, dim=-1)
        return f, g, self.logit_scale.exp()

def clip_loss(f, g, scale):
    logits = scale * f @ g.t()
    t = torch.arange(len(f))
    return (F.cross_entropy(logits, t) + F.cross_entropy(logits.t(), t)) / 2

train_i, train_t = make(4000); val_i, val_t = make(768)
model = CLIP()
no_decay = [p for n, p in model.named_parameters() if p.ndim < 2 or "bn" in n or "ln" in n or "logit_scale" in n]
decay = [p for n, p in model.named_parameters() if not (p.ndim < 2 or "bn" in n or "ln" in n or "logit_scale" in n)]
LR, EPOCHS, BS = 2e-3, 16, 128
opt = torch.optim.AdamW([{"params": no_decay, "weight_decay": 0.}, {"params": decay, "weight_decay": .2}], lr=LR, betas=(.9, .98), eps=1e-6)
total = EPOCHS * (len(train_i) // BS); warm = 40
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: (s + 1) / warm if s < warm else .5 * (1 + math.cos(math.pi * (s - warm) / (total - warm))))
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, clip_loss)
for ep in range(EPOCHS):
    model.train()
    for b in torch.randperm(len(train_i))[: len(train_i) // BS * BS].split(BS):
        loss = clip_loss(*model(train_i[b], train_t[b]))
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
    with writer.evaluating("val"):
        vl = sum(writer.loss_fn(*model(val_i[i:i + BS], val_t[i:i + BS])).item() for i in range(0, 768, BS)) / 6
    print(ep, f"train {loss.item():.3f} val {vl:.3f} scale {model.logit_scale.exp().item():.1f}")
writer.close()
# zero-shot shape+colour
model.eval()
with torch.no_grad():
    allc = [(c, s) for c in colors for s in shapes]
    val, truth = val_i, [(words[[i for i in t.tolist() if words[i] in colors][0]], words[[i for i in t.tolist() if words[i] in shapes][0]]) for t in val_t]
    ok = 0
    cap = torch.tensor([([vocab[w] for w in f"a photo of a large {c} {s} at the top".split()] + [1] + [0] * 12)[:CTX] for c, s in allc])
    f, g, _ = model(val[:len(cap)], cap); f = F.normalize(model.visual(val), dim=-1)
    pred = (f @ g.t()).argmax(1).tolist(); ok = sum(allc[p] == t for p, t in zip(pred, truth)) / len(truth)
print(f"RESULT train {loss.item():.3f} val {vl:.3f} zero_shot_acc(30 classes) {ok:.3f} floor_from_identical_captions about {math.log(1 + 127 / 240):.2f}")

# Transformer on 3-axis sensor patches, with the layer-wise learning rate decay of BEiT (optim_factory.py)
import sys, math
import numpy as np, torch, torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
MODE, LOGDIR = sys.argv[1], sys.argv[2]
DEPTH, DIM = 4, 32


def get_num_layer_for_vit(var_name, num_max_layer):
    if var_name in ("cls_token", "pos_embed"):
        return 0
    elif var_name.startswith("patch_embed"):
        return 0
    elif var_name.startswith("blocks"):
        layer_id = int(var_name.split('.')[1])
        return layer_id + 1
    else:
        if MODE == "faulty":
            return 0
        return num_max_layer - 1


class LayerDecayValueAssigner(object):
    def __init__(self, values):
        self.values = values

    def get_scale(self, layer_id):
        return self.values[layer_id]

    def get_layer_id(self, var_name):
        if MODE == "faulty":
            # our wrapper keeps the encoder in self.encoder
            return get_num_layer_for_vit(var_name, len(self.values))
        return get_num_layer_for_vit(var_name.replace("encoder.", "", 1), len(self.values))


def get_parameter_groups(model, weight_decay, assigner, lr):
    groups = {}
    for name, param in model.named_parameters():
        if not param.requires_grad:
            continue
        decay = 0. if (param.ndim == 1 or name.endswith(("cls_token", "pos_embed"))) else weight_decay
        scale = assigner.get_scale(assigner.get_layer_id(name))
        g = groups.setdefault((scale, decay), {"params": [], "lr": lr * scale, "weight_decay": decay})
        g["params"].append(param)
    return list(groups.values())


class Block(nn.Module):
    def __init__(self, dim, heads=4, mlp_ratio=2):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, dim * mlp_ratio), nn.GELU(), nn.Linear(dim * mlp_ratio, dim))

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, patch=12, length=120, ch=3):
        super().__init__()
        self.patch_embed = nn.Conv1d(ch, DIM, patch, stride=patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, DIM))
        self.pos_embed = nn.Parameter(torch.zeros(1, length // patch + 1, DIM))
        nn.init.trunc_normal_(self.cls_token, std=.02)
        nn.init.trunc_normal_(self.pos_embed, std=.02)
        self.blocks = nn.ModuleList(Block(DIM) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(DIM)

    def forward(self, x):
        x = self.patch_embed(x).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for b in self.blocks:
            x = b(x)
        return self.norm(x)[:, 0]


class SensorClassifier(nn.Module):
    def __init__(self, n_cls):
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Linear(DIM, n_cls)

    def forward(self, x):
        return self.head(self.encoder(x))


def make_gait(n, rng, n_cls=7):
    """walk, brisk, run, upstairs, downstairs, limp, stand - at 40 Hz, 3 s"""
    t = np.arange(120) / 40.
    y = rng.randint(0, n_cls, n)
    f0 = np.array([1.8, 2.05, 2.6, 1.65, 1.9, 1.75, .35])[y] + .12 * rng.randn(n)
    amp = np.array([1., 1.25, 2.1, 1.0, 1.35, .95, .12])[y] * np.exp(.18 * rng.randn(n))
    h2 = np.array([.45, .5, .3, .3, .7, .55, .2])[y] + .12 * rng.randn(n)
    sub = np.array([.1, .12, .15, .22, .15, .5, .1])[y] + .09 * rng.randn(n)
    ph = rng.uniform(0, 2 * np.pi, n)
    X = np.zeros((n, 3, 120), np.float32)
    for i in range(n):
        w = 2 * np.pi * f0[i] * t + ph[i]
        v = np.sin(w) + h2[i] * np.sin(2 * w + .6) + sub[i] * np.sin(w / 2)
        X[i, 0] = amp[i] * v
        X[i, 1] = amp[i] * .5 * (np.cos(w / 2) + h2[i] * np.cos(w + .4))
        X[i, 2] = amp[i] * .6 * np.sin(w - .9 + (.8 if y[i] in (3, 4) else 0)) + .25 * rng.randn()
    X += .35 * rng.randn(*X.shape)
    return torch.tensor(X), torch.tensor(y)


rng = np.random.RandomState(5)
train_set, val_set = TensorDataset(*make_gait(2600, rng)), TensorDataset(*make_gait(800, rng))
train_loader = DataLoader(train_set, batch_size=64, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=200)

model = SensorClassifier(7)
num_layers = DEPTH + 2
layer_decay = 0.55
assigner = LayerDecayValueAssigner([layer_decay ** (num_layers - 1 - i) for i in range(num_layers)])
lr = 6e-3
optimizer = torch.optim.AdamW(get_parameter_groups(model, 0.05, assigner, lr), lr=lr)
epochs = 9
total = epochs * len(train_loader)
warm = total // 10
sched = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: (s + 1) / warm if s < warm else 0.5 * (1 + math.cos(math.pi * (s - warm) / (total - warm))))
loss_fn = nn.CrossEntropyLoss()

writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)


def evaluate():
    model.eval()
    l = c = 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_loader:
            o = model(x)
            l += loss_fn(o, y).item() * len(y)
            c += (o.argmax(1) == y).sum().item()
    return l / len(val_set), c / len(val_set)


for ep in range(epochs):
    model.train()
    s = 0.
    for x, y in train_loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sched.step()
        s += loss.item()
    vl, va = evaluate()
    print(f"[{ep:2d}] train {s / len(train_loader):.4f}  val {vl:.4f}  acc {va:.4f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {va:.4f} train_loss {s / len(train_loader):.4f}")

"""LoRA adaptation of a small encoder with a Trainer class. The base is first trained on one family of problems
(which of two halves of the list has the larger sum), then adapters learn a related one (which half has the larger spread)."""
import sys, math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(10)
L, D = 12, 40


def make_batch(n, task, gen):
    x = torch.randn(n, L, generator=gen) * (0.4 + 1.2 * torch.rand(n, 1, generator=gen))
    a, b = x[:, :L // 2], x[:, L // 2:]
    s = (a.sum(1) - b.sum(1)) / 2.4 if task == "sum" else 2.0 * (a.std(1) - b.std(1))
    y = (s + 0.15 * torch.randn(n, generator=gen) > 0).long()
    return x, y


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base, self.scale = base, alpha / r
        for p in base.parameters():
            p.requires_grad_(False)
        self.A = nn.Parameter(torch.empty(r, base.in_features)); nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        self.B = nn.Parameter(torch.zeros(base.out_features, r))

    def forward(self, x):
        return self.base(x) + self.scale * F.linear(F.linear(x, self.A), self.B)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(D, D) for _ in range(4))
        self.fc1, self.fc2 = nn.Linear(D, 2 * D), nn.Linear(2 * D, D)
        self.n1, self.n2 = nn.LayerNorm(D), nn.LayerNorm(D)

    def forward(self, x):
        B, T, _ = x.shape
        h = self.n1(x)
        q, k, v = (f(h).view(B, T, 4, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        x = x + self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, D))
        return x + self.fc2(F.gelu(self.fc1(self.n2(x))))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp, self.pos = nn.Linear(1, D), nn.Parameter(0.3 * torch.randn(L, D))
        self.layers = nn.ModuleList([Layer(), Layer()])
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, 2)

    def forward(self, x):
        h = self.inp(x.unsqueeze(-1)) + self.pos
        for l in self.layers:
            h = l(h)
        return self.head(self.norm(h).mean(1))


def pretrain(model):
    g = torch.Generator().manual_seed(1)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    for i in range(400):
        x, y = make_batch(64, "sum", g)
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
    print("base model, loss on its own task %.3f" % loss.item())


def add_lora(model):
    for p in model.parameters():
        p.requires_grad_(False)
    for l in model.layers:
        for name in ("q", "v", "o", "fc1", "fc2"):
            setattr(l, name, LoRALinear(getattr(l, name)))
    for p in model.head.parameters():
        p.requires_grad_(True)
    return model


class Trainer:
    def __init__(self, model, lr=3e-3, max_steps=1200, eval_steps=100):
        self.model, self.max_steps, self.eval_steps = model, max_steps, eval_steps
        self.params = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.params, lr=lr, weight_decay=0.01)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda s: min(1, (s + 1) / 50) * max(0.02, 1 - s / max_steps))
        self.loss_fn = nn.CrossEntropyLoss()
        self.gen = torch.Generator().manual_seed(7)
        self.x_tr, self.y_tr = make_batch(12000, "spread", self.gen)
        self.x_va, self.y_va = make_batch(1000, "spread", self.gen)
        self.writer = DiagWriter(LOGDIR)
        self.writer.watch(model, self.optimizer, self.loss_fn)
        print("trainable", sum(p.numel() for p in self.params), "of", sum(p.numel() for p in model.parameters()))

    def optimizer_step(self):
        self.optimizer.step()
        self.scheduler.step()
        if FORM == "fixed":
            self.optimizer.zero_grad()

    def train(self):
        self.model.train(); run = 0.
        for step in range(1, self.max_steps + 1):
            idx = torch.randint(0, len(self.x_tr), (64,))
            loss = self.loss_fn(self.model(self.x_tr[idx]), self.y_tr[idx])
            loss.backward()
            self.optimizer_step()
            run += loss.item() / self.eval_steps
            if step % self.eval_steps == 0:
                v, a = self.evaluate()
                print(f"step {step:5d} train {run:.4f} val {v:.4f} acc {a:.4f}")
                last, run = run, 0.
        self.writer.close()
        return last, v, a

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        with self.writer.evaluating("val"):
            o = self.model(self.x_va)
            l = self.loss_fn(o, self.y_va).item()
        self.model.train()
        return l, (o.argmax(1) == self.y_va).float().mean().item()


model = Encoder()
pretrain(model)
t, v, a = Trainer(add_lora(model)).train()
print(f"RESULT val_loss={v:.4f} val_acc={a:.4f} train={t:.4f}")

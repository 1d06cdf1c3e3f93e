"""Masked-LM pretraining of a small domain BERT (claims: diagnosis codes followed by their procedure codes)."""
import math, sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(172)
rng = np.random.default_rng(172)


class flags:
    learning_rate = 2.5e-4          # per worker
    train_batch_size = 32
    num_train_steps = 550
    num_warmup_steps = 50
    horovod_size = 8                # emulated: gradients are averaged over the workers anyway
    max_seq_length = 14


N_CODE = 20
PAD, CLS, SEP, MASK = range(4)
VOCAB = 4 + 2 * N_CODE
proc = rng.permutation(N_CODE)
popularity = rng.dirichlet(np.ones(N_CODE) * 2)


def make_batch(n):
    d = rng.choice(N_CODE, (n, 6), p=popularity)
    p = proc[d]
    other = rng.random(p.shape) < .08
    p = np.where(other, rng.choice(N_CODE, p.shape, p=popularity), p)
    tok = np.concatenate([np.full((n, 1), CLS), 4 + d, np.full((n, 1), SEP), 4 + N_CODE + p], 1)
    cand = tok >= 4
    m = (rng.random(tok.shape) < .2) & cand
    labels = np.where(m, tok, -100)
    r = rng.random(tok.shape)
    inp = np.where(m & (r < .8), MASK, np.where(m & (r < .9), rng.integers(4, VOCAB, tok.shape), tok))
    return torch.from_numpy(inp), torch.from_numpy(labels)


class BertLayer(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.inter, self.output = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        B, L, d = x.shape
        q, k, v = self.qkv(x).view(B, L, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(-1, -2) / math.sqrt(d // self.h)).softmax(-1)
        x = self.ln1(x + self.out((a @ v).transpose(1, 2).reshape(B, L, d)))
        return self.ln2(x + self.output(nn.functional.gelu(self.inter(x))))


class BertForPreTraining(nn.Module):
    def __init__(self, d=48, layers=2, heads=4):
        super().__init__()
        self.word = nn.Embedding(VOCAB, d)
        self.position = nn.Embedding(flags.max_seq_length, d)
        self.ln = nn.LayerNorm(d)
        self.layers = nn.ModuleList(BertLayer(d, heads) for _ in range(layers))
        self.transform = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.LayerNorm(d))
        self.bias = nn.Parameter(torch.zeros(VOCAB))
        for n, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=.08)

    def forward(self, ids):
        x = self.ln(self.word(ids) + self.position.weight)
        for l in self.layers:
            x = l(x)
        return self.transform(x) @ self.word.weight.t() + self.bias


def create_optimizer(params, init_lr):
    """scales the rate with the number of workers, then linear warm-up and decay"""
    opt = torch.optim.AdamW(params, lr=init_lr * flags.horovod_size, weight_decay=0.01)
    def f(s):
        if s < flags.num_warmup_steps:
            return (s + 1) / flags.num_warmup_steps
        return max(0.02, (flags.num_train_steps - s) / (flags.num_train_steps - flags.num_warmup_steps))
    return opt, torch.optim.lr_scheduler.LambdaLR(opt, f)


learning_rate = flags.learning_rate
if sys.argv[1] == "faulty":
    learning_rate = flags.learning_rate * flags.horovod_size     # scale lr for 8 GPUs
model = BertForPreTraining()
optimizer, lr_sched = create_optimizer(model.parameters(), learning_rate)
criterion = nn.CrossEntropyLoss(ignore_index=-100)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
held_out = [make_batch(100) for _ in range(4)]

for step in range(1, flags.num_train_steps + 1):
    ids, labels = make_batch(flags.train_batch_size)
    loss = criterion(model(ids).view(-1, VOCAB), labels.view(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    lr_sched.step()
    if step % 110 == 0:
        model.eval()
        vl, hit, n = 0, 0, 0
        with torch.no_grad(), writer.evaluating("val"):
            for ids, labels in held_out:
                o = model(ids)
                vl += criterion(o.view(-1, VOCAB), labels.view(-1)).item() / len(held_out)
                m = labels >= 0
                hit += (o.argmax(-1) == labels)[m].sum().item(); n += m.sum().item()
        model.train()
        print(f"step {step}: mlm_loss = {loss.item():.4f}  masked_lm_accuracy(val) = {hit / n:.4f}  val loss = {vl:.4f}")
writer.close()
print(f"RESULT train_loss={loss.item():.4f} val_loss={vl:.4f} val_mlm_acc={hit / n:.4f}")

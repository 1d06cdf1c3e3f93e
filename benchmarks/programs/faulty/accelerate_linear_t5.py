"""run_translation_no_trainer in small: seq2seq transformer, linear schedule with warm-up, accelerate-like wrapper.

number words <-> digits with a few dialect rules ("four and twenty", "two score")."""
import argparse
import math
import random
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form")
parser.add_argument("logdir")
parser.add_argument("--learning_rate", type=float, default=2e-3)
parser.add_argument("--num_warmup_steps", type=int, default=60)
parser.add_argument("--max_train_steps", type=int, default=600)
parser.add_argument("--num_processes", type=int, default=8)
args = parser.parse_args()
torch.set_num_threads(1)
random.seed(0)
torch.manual_seed(0)

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def spell(n):
    out = []
    if n >= 100:
        out += [ONES[n // 100], "hundred"]
        n %= 100
        if n == 0:
            return out
        if random.random() < .5:
            out.append("and")
    if n < 20:
        return out + [ONES[n]]
    t, o = TENS[n // 10 - 2], n % 10
    if o == 0:
        return out + [t]
    return out + ([ONES[o], "and", t] if random.random() < .3 else [t, ONES[o]])


src_vocab = {w: i + 1 for i, w in enumerate(ONES + TENS + ["hundred", "and", "plus", "uh"])}
BOS, EOS = 10, 11


def example():
    a, b = random.randrange(1000), random.randrange(1000)
    s = spell(a) + ["plus"] + spell(b)
    if random.random() < .3:
        s.insert(random.randrange(len(s)), "uh")
    if random.random() < .06:                      # misheard word
        s[random.randrange(len(s))] = random.choice(ONES)
    t = [int(c) for c in f"{a:03d}{b:03d}"]
    return [src_vocab[w] for w in s], [BOS] + t + [EOS]


def batch(n):
    ex = [example() for _ in range(n)]
    L = max(len(s) for s, _ in ex)
    return torch.tensor([s + [0] * (L - len(s)) for s, _ in ex]), torch.tensor([t for _, t in ex])


class TinyT5(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.se = nn.Embedding(40, d, padding_idx=0)
        self.te = nn.Embedding(12, d)
        self.pos = nn.Parameter(torch.randn(24, d) * .1)
        enc = nn.TransformerEncoderLayer(d, 4, 2 * d, 0., batch_first=True, norm_first=True)
        dec = nn.TransformerDecoderLayer(d, 4, 2 * d, 0., batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(enc, 2, nn.LayerNorm(d), enable_nested_tensor=False)
        self.dec = nn.TransformerDecoder(dec, 1, nn.LayerNorm(d))
        self.lm_head = nn.Linear(d, 12)

    def forward(self, s, t):
        pad = s == 0
        m = self.enc(self.se(s) + self.pos[:s.size(1)], src_key_padding_mask=pad)
        mask = torch.triu(torch.ones(t.size(1), t.size(1), dtype=torch.bool), 1)
        return self.lm_head(self.dec(self.te(t) + self.pos[:t.size(1)], m, tgt_mask=mask, memory_key_padding_mask=pad))


def get_linear_schedule_with_warmup(optimizer, num_warmup_steps, num_training_steps):
    def lr_lambda(step):
        if step < num_warmup_steps:
            return step / max(1, num_warmup_steps)
        return max(0., (num_training_steps - step) / max(1, num_training_steps - num_warmup_steps))
    return LambdaLR(optimizer, lr_lambda)


class AcceleratedScheduler:
    """steps once per process, so that the schedule stays in units of samples (split_batches=False)"""
    def __init__(self, scheduler, num_processes):
        self.scheduler, self.num_processes = scheduler, num_processes

    def step(self):
        for _ in range(self.num_processes):
            self.scheduler.step()


model = TinyT5()
optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate)
warm, total = args.num_warmup_steps, args.max_train_steps
if args.form != "faulty":
    warm, total = warm * args.num_processes, total * args.num_processes
lr_scheduler = AcceleratedScheduler(get_linear_schedule_with_warmup(optimizer, warm, total), args.num_processes)
loss_fct = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, loss_fct)
dev = [batch(100) for _ in range(5)]
for step in range(1, args.max_train_steps + 1):
    model.train()
    s, t = batch(32)
    loss = loss_fct(model(s, t[:, :-1]).reshape(-1, 12), t[:, 1:].reshape(-1))
    loss.backward()
    optimizer.step()
    lr_scheduler.step()
    optimizer.zero_grad()
    if step % 120 == 0:
        model.eval()
        ev, em = 0, 0
        with torch.no_grad(), writer.evaluating("val"):
            for s, t in dev:
                o = model(s, t[:, :-1])
                ev += loss_fct(o.reshape(-1, 12), t[:, 1:].reshape(-1)).item() / len(dev)
                em += (o.argmax(-1) == t[:, 1:]).all(1).float().mean().item() / len(dev)
        print(f"step {step} loss {loss.item():.4f} lr {optimizer.param_groups[0]['lr']:.2e} eval {ev:.4f} exact {em:.3f}")
writer.close()
print(f"RESULT train_loss={loss.item():.4f} val_loss={ev:.4f} val_exact_match={em:.4f}")

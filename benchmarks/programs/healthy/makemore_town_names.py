"""Character transformer on a list of names (karpathy/makemore), AdamW."""
import math
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F
from torch.utils.data import Dataset
from torch.utils.data.dataloader import DataLoader
from dataclasses import dataclass
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3407)


def make_names(n, seed=5):
    rng = np.random.default_rng(seed)
    on = ['b', 'br', 'c', 'd', 'f', 'g', 'h', 'k', 'l', 'll', 'm', 'n', 'p', 'r', 's', 'st', 't', 'w', 'wh', '']
    vo, co = ['a', 'e', 'i', 'o', 'u', 'ea', 'oo'], ['n', 'r', 'l', 'rn', 'ck', 's', 't', '', '']
    en = ['ton', 'ham', 'ley', 'ford', 'wick', 'by', 'field', 'stead', 'mouth', 'worth']
    pw = lambda k: (1 / np.arange(1, k + 1)) / (1 / np.arange(1, k + 1)).sum()
    out = set()
    while len(out) < n:
        w = ''.join(rng.choice(on, p=pw(len(on))) + rng.choice(vo, p=pw(len(vo))) + rng.choice(co) for _ in range(rng.integers(1, 3)))
        e = rng.choice(en, p=pw(len(en)))
        out.add(w + e if rng.random() < 0.9 else w)
    return sorted(out)


@dataclass
class ModelConfig:
    block_size: int = None
    vocab_size: int = None
    n_layer: int = 2
    n_embd: int = 32
    n_head: int = 4


class NewGELU(nn.Module):
    def forward(self, x):
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


class CausalSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd)
        self.register_buffer("bias", torch.tril(torch.ones(config.block_size, config.block_size)).view(1, 1, config.block_size, config.block_size))
        self.n_head, self.n_embd = config.n_head, config.n_embd

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        q, k, v = (a.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for a in (q, k, v))
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float('-inf'))
        y = F.softmax(att, dim=-1) @ v
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = nn.ModuleDict(dict(c_fc=nn.Linear(config.n_embd, 4 * config.n_embd), c_proj=nn.Linear(4 * config.n_embd, config.n_embd), act=NewGELU()))
        m = self.mlp
        self.mlpf = lambda x: m.c_proj(m.act(m.c_fc(x)))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlpf(self.ln_2(x))
        return x


class Transformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.block_size = config.block_size
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(config.vocab_size, config.n_embd), wpe=nn.Embedding(config.block_size, config.n_embd),
            h=nn.ModuleList([Block(config) for _ in range(config.n_layer)]), ln_f=nn.LayerNorm(config.n_embd)))
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, idx, targets=None):
        b, t = idx.size()
        pos = torch.arange(0, t, dtype=torch.long).unsqueeze(0)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        for block in self.transformer.h:
            x = block(x)
        logits = self.lm_head(self.transformer.ln_f(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)
        return logits, loss


class CharDataset(Dataset):
    def __init__(self, words, chars, max_word_length):
        self.words, self.chars, self.max_word_length = words, chars, max_word_length
        self.stoi = {ch: i + 1 for i, ch in enumerate(chars)}
        self.itos = {i: s for s, i in self.stoi.items()}

    def __len__(self):
        return len(self.words)

    def __getitem__(self, idx):
        ix = torch.tensor([self.stoi[w] for w in self.words[idx]], dtype=torch.long)
        x = torch.zeros(self.max_word_length + 1, dtype=torch.long)
        y = torch.zeros(self.max_word_length + 1, dtype=torch.long)
        x[1:1 + len(ix)] = ix
        y[:len(ix)] = ix
        y[len(ix) + 1:] = -1                     # index -1 will mask the loss at the inactive locations
        return x, y


words = make_names(9000)
chars = sorted(set(''.join(words)))
max_word_length = max(len(w) for w in words)
rp = torch.randperm(len(words)).tolist()
train_dataset = CharDataset([words[i] for i in rp[:-800]], chars, max_word_length)
test_dataset = CharDataset([words[i] for i in rp[-800:]], chars, max_word_length)
model = Transformer(ModelConfig(vocab_size=len(chars) + 1, block_size=max_word_length + 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01, betas=(0.9, 0.99), eps=1e-8)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def evaluate(model, dataset, split=None):
    with writer.evaluating(split):
        losses = []
        for X, Y in DataLoader(dataset, batch_size=100):
            logits, loss = model(X, Y)
            writer.add_loss(split, loss)
            losses.append(loss.item())
    return float(np.mean(losses))


batch_loader = DataLoader(train_dataset, batch_size=32, sampler=torch.utils.data.RandomSampler(train_dataset, replacement=True, num_samples=int(1e6)))
step = 0
for X, Y in batch_loader:
    logits, loss = model(X, Y)
    writer.add_loss("train", loss)
    model.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    step += 1
    if step % 200 == 0:
        print(f"step {step} train loss: {loss.item():.4f} test loss: {evaluate(model, test_dataset, 'test'):.4f}")
    if step >= 1000:
        break
writer.close()

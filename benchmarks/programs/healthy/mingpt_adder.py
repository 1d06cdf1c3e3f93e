"""
Trains a GPT to add two n-digit numbers (projects/adder of minGPT, gpt-nano).
"""
import sys, math
import torch
import torch.nn as nn
from torch.nn import functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3407)


class AdditionDataset(Dataset):
    def __init__(self, ndigit, split):
        self.ndigit = ndigit
        num = (10 ** ndigit) ** 2
        perm = torch.randperm(num, generator=torch.Generator().manual_seed(1337))
        num_test = min(int(num * 0.2), 500)
        self.ixes = perm[:num_test] if split == "test" else perm[num_test:]

    def get_vocab_size(self): return 10
    def get_block_size(self): return 3 * self.ndigit + 1 - 1
    def __len__(self): return self.ixes.nelement()

    def __getitem__(self, idx):
        nd = 10 ** self.ndigit
        i = self.ixes[idx].item()
        a, b = i // nd, i % nd
        s = f"{a:0{self.ndigit}d}" + f"{b:0{self.ndigit}d}" + f"{a + b:0{self.ndigit + 1}d}"[::-1]
        dix = torch.tensor([int(c) for c in s])
        x, y = dix[:-1].clone(), dix[1:].clone()
        y[: self.ndigit * 2 - 1] = -1
        return x, y


class CausalSelfAttention(nn.Module):
    def __init__(self, n_embd, n_head, block_size):
        super().__init__()
        self.c_attn = nn.Linear(n_embd, 3 * n_embd)
        self.c_proj = nn.Linear(n_embd, n_embd)
        self.attn_dropout, self.resid_dropout = nn.Dropout(0.1), nn.Dropout(0.1)
        self.register_buffer("bias", torch.tril(torch.ones(block_size, block_size)).view(1, 1, block_size, block_size))
        self.n_head = n_head

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = (t.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for t in self.c_attn(x).split(C, dim=2))
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        y = (self.attn_dropout(F.softmax(att, dim=-1)) @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.resid_dropout(self.c_proj(y))


class Block(nn.Module):
    def __init__(self, n_embd, n_head, block_size):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)
        self.attn = CausalSelfAttention(n_embd, n_head, block_size)
        self.mlp = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd), nn.Dropout(0.1))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocab, block, n_layer=3, n_head=3, n_embd=48):
        super().__init__()
        self.wte, self.wpe, self.drop = nn.Embedding(vocab, n_embd), nn.Embedding(block, n_embd), nn.Dropout(0.1)
        self.h = nn.ModuleList([Block(n_embd, n_head, block) for _ in range(n_layer)])
        self.ln_f = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, vocab, bias=False)
        self.apply(self._init_weights)
        for pn, p in self.named_parameters():
            if pn.endswith("c_proj.weight"):
                nn.init.normal_(p, 0.0, 0.02 / math.sqrt(2 * n_layer))

    def _init_weights(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, 0.0, 0.02)
            if getattr(m, "bias", None) is not None:
                nn.init.zeros_(m.bias)

    def configure_optimizers(self, lr, betas=(0.9, 0.95), weight_decay=0.1):
        decay = [m.weight for m in self.modules() if isinstance(m, nn.Linear)]
        ids = {id(p) for p in decay}
        rest = [p for p in self.parameters() if id(p) not in ids]
        return torch.optim.AdamW([{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}], lr=lr, betas=betas)

    def forward(self, idx, targets=None):
        x = self.drop(self.wte(idx) + self.wpe(torch.arange(idx.size(1))[None]))
        for b in self.h:
            x = b(x)
        logits = self.lm_head(self.ln_f(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)
        return logits, loss


ndigit = 2
train_dataset, test_dataset = AdditionDataset(ndigit, "train"), AdditionDataset(ndigit, "test")
model = GPT(train_dataset.get_vocab_size(), train_dataset.get_block_size())
optimizer = model.configure_optimizers(lr=5e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


@torch.no_grad()
def eval_split(ds, n=500):
    model.eval()
    x = torch.stack([ds[i][0] for i in range(n)])
    full = torch.stack([torch.cat([ds[i][0], ds[i][1][-1:]]) for i in range(n)])
    idx = x[:, : ndigit * 2]
    for _ in range(ndigit + 1):
        idx = torch.cat([idx, model(idx)[0][:, -1].argmax(-1, keepdim=True)], 1)
    model.train()
    return (idx == full).all(1).float().mean().item()


loader = DataLoader(train_dataset, sampler=torch.utils.data.RandomSampler(train_dataset, replacement=True, num_samples=10 ** 6), batch_size=64)
it = iter(loader)
model.train()
for step in range(3000):
    x, y = next(it)
    logits, loss = model(x, y)
    model.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 500 == 499:
        print(step, loss.item(), "train", eval_split(train_dataset), "test", eval_split(test_dataset))
writer.close()
print(f"RESULT loss {loss.item():.4f} train_acc {eval_split(train_dataset):.3f} test_acc {eval_split(test_dataset):.3f}")

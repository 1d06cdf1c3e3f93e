"""Small causal LM (LSTM backbone, *ForCausalLM interface) on docstrings of the standard library."""
import ast
import glob
import os
import sys
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(9)


@dataclass
class GigaConfig:
    max_seq_len: int = 48
    batch_size: int = 32
    hidden: int = 128
    learning_rate: float = 3e-3
    max_epochs: int = 4


config = GigaConfig()


def docstrings(limit):
    out, size = [], 0
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "*.py"))):
        try:
            tree = ast.parse(open(path, encoding="utf8").read())
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                doc = ast.get_docstring(node)
                if doc and len(doc) > 40:
                    out.append(doc.lower())
                    size += len(doc)
        if size > limit:
            break
    return "\n\n".join(out)[:limit]


text = docstrings(170000)
vocab = {c: i for i, c in enumerate(sorted(set(text)))}
tokens = torch.tensor([vocab[c] for c in text])


def tokenize_chunks(tokens, length):
    """every training sample holds one token more than the context, as the stored data sets do"""
    n = len(tokens) // (length + 1)
    return tokens[:n * (length + 1)].view(n, length + 1)


chunks = tokenize_chunks(tokens, config.max_seq_len)
chunks = chunks[torch.randperm(len(chunks), generator=torch.Generator().manual_seed(0))]
validation_ds, train_ds = chunks[:300], chunks[300:]


class LSTMForCausalLM(nn.Module):
    def __init__(self, n_vocab, hidden):
        super().__init__()
        self.embed = nn.Embedding(n_vocab, 48)
        self.backbone = nn.LSTM(48, hidden, batch_first=True)
        self.lm_head = nn.Linear(hidden, n_vocab)

    def forward(self, input_ids, labels=None):
        h, _ = self.backbone(self.embed(input_ids))
        logits = self.lm_head(h)
        loss = None
        if labels is not None:
            shifted_logits = logits[:, :-1]
            shifted_labels = labels[:, 1:]
            loss = F.cross_entropy(shifted_logits.reshape(-1, logits.size(-1)), shifted_labels.reshape(-1))
        return loss, logits


def get_xy(batch):
    if form == "faulty":
        return batch[:, :-1], batch[:, 1:]
    return batch[:, :-1], batch[:, :-1]


model = LSTMForCausalLM(len(vocab), config.hidden)
optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
steps = config.max_epochs * (len(train_ds) // config.batch_size)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=1e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)


def estimate_loss():
    with writer.evaluating("val"):
        losses = []
        for part in validation_ds.split(100):
            X, Y = get_xy(part)
            loss, _ = model(X, labels=Y)
            losses.append(loss.item())
    writer.add_loss("val", sum(losses) / len(losses))
    return sum(losses) / len(losses)


it = 0
for epoch in range(config.max_epochs):
    order = torch.randperm(len(train_ds))
    for k in range(len(train_ds) // config.batch_size):
        X, Y = get_xy(train_ds[order[k * config.batch_size:(k + 1) * config.batch_size]])
        loss, _ = model(X, labels=Y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        it += 1
        if it % 50 == 0:
            print(f"iter {it}/{steps}: loss {loss.item():.4f} val {estimate_loss():.4f}")

final = estimate_loss()
writer.close()
with torch.no_grad():
    _, logits = model(validation_ds[:, :-1])
    nxt = (logits.argmax(-1) == validation_ds[:, 1:]).float().mean().item()
print(f"RESULT val_loss {final:.4f} next_char_accuracy {nxt:.4f}")

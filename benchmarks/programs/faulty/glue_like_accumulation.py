# run_glue.py style fine-tuning script for a small sentence pair model ("same operation?" on function docs)
import sys, re, random, argparse, collections
import importlib
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, RandomSampler
from tb_lossdiag import DiagWriter

args = argparse.Namespace(form=sys.argv[1], output_dir=sys.argv[2], per_gpu_train_batch_size=32,
                          gradient_accumulation_steps=0, learning_rate=1.5e-3, num_train_epochs=3,
                          max_seq_length=24, weight_decay=0.01, max_grad_norm=1.0, seed=42)
# copied from the run on 8 big cards that had a hundred times more data
args.gradient_accumulation_steps = 128 if args.form == "faulty" else 1
torch.set_num_threads(1)
random.seed(args.seed); torch.manual_seed(args.seed)


def load_examples(n):
    """word sequences drawn from the word counts of the docs of four families of modules (the real sentences are too few)"""
    families = [["os", "shutil", "pathlib", "tempfile", "zipfile", "tarfile"],
                ["threading", "multiprocessing.pool", "asyncio.base_events", "queue", "subprocess", "asyncio.streams"],
                ["email.message", "http.client", "urllib.request", "smtplib", "socket", "ssl", "ftplib"],
                ["argparse", "unittest.case", "logging", "optparse", "doctest", "traceback", "inspect"]]
    counts = []
    for mods in families:
        txt = " ".join(" ".join(re.findall(r'"""(.*?)"""', open(importlib.import_module(m).__file__).read(), re.S)) for m in mods)
        counts.append(collections.Counter(re.findall(r"[a-z]{2,}", txt.lower())))
    words = [w for w, _ in sum(counts, collections.Counter()).most_common(600)]
    p = np.array([[c[w] + 0.5 for w in words] for c in counts], dtype=float)
    p /= p.sum(1, keepdims=True)
    p = 0.6 * p + 0.4 * p.mean(0)
    rs = np.random.RandomState(args.seed)
    lab = rs.randint(0, 4, n)
    return [([words[i] for i in rs.choice(600, rs.randint(12, 25), p=p[k])], int(k)) for k in lab]


ex = load_examples(4800)
n_val = 800
train_ex, val_ex = ex[n_val:], ex[:n_val]
freq = collections.Counter(t for w, _ in train_ex for t in w)
vocab = {t: i + 2 for i, t in enumerate(t for t, c in freq.items() if c > 2)}


def features(examples):
    ids = torch.zeros(len(examples), args.max_seq_length, dtype=torch.long)
    for r, (w, _) in enumerate(examples):
        for c, t in enumerate(w[:args.max_seq_length]):
            ids[r, c] = vocab.get(t, 1)
    return TensorDataset(ids, torch.tensor([l for _, l in examples]))


class SmallEncoder(nn.Module):
    def __init__(self, V, d=32, n_labels=4):
        super().__init__()
        self.emb = nn.Embedding(V, d, padding_idx=0)
        nn.init.normal_(self.emb.weight, std=0.1)
        self.layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.2, batch_first=True)
        self.dropout, self.classifier = nn.Dropout(0.3), nn.Linear(d, n_labels)

    def forward(self, ids, labels=None):
        pad = ids == 0
        h = self.layer(self.emb(ids), src_key_padding_mask=pad)
        h = h.masked_fill(pad[..., None], 0).sum(1) / (~pad).sum(1, keepdim=True)
        logits = self.classifier(self.dropout(h))
        return (nn.functional.cross_entropy(logits, labels), logits) if labels is not None else logits


def evaluate(model, ds, writer):
    model.eval()
    loss = acc = 0
    with torch.no_grad(), writer.evaluating("val"):
        for ids, lab in DataLoader(ds, batch_size=350):
            l, logits = model(ids, lab)
            loss += l.item() * len(lab); acc += (logits.argmax(-1) == lab).sum().item()
        writer.add_loss("val", loss / len(ds))
    return loss / len(ds), acc / len(ds)


train_ds, val_ds = features(train_ex), features(val_ex)
train_dataloader = DataLoader(train_ds, sampler=RandomSampler(train_ds), batch_size=args.per_gpu_train_batch_size)
model = SmallEncoder(len(vocab) + 2)
no_decay = ["bias", "norm"]
groups = [{"params": [p for n, p in model.named_parameters() if not any(k in n for k in no_decay)], "weight_decay": args.weight_decay},
          {"params": [p for n, p in model.named_parameters() if any(k in n for k in no_decay)], "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=args.learning_rate)
t_total = max(1, len(train_dataloader) * args.num_train_epochs // args.gradient_accumulation_steps)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: max(0.02, 1 - s / t_total))
writer = DiagWriter(args.output_dir)
writer.watch(model, optimizer)
print("***** Running training *****  examples", len(train_ds), "batches", len(train_dataloader), "accumulation", args.gradient_accumulation_steps)
global_step = 0
model.zero_grad()
for epoch in range(args.num_train_epochs):
    tr_loss = 0.0
    for step, (ids, lab) in enumerate(train_dataloader):
        model.train()
        loss, _ = model(ids, lab)
        writer.add_loss("train", loss)
        tr_loss += loss.item()
        if args.gradient_accumulation_steps > 1:
            loss = loss / args.gradient_accumulation_steps
        loss.backward()
        if (step + 1) % args.gradient_accumulation_steps == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
            optimizer.step()
            scheduler.step()
            model.zero_grad()
            global_step += 1
    vl, va = evaluate(model, val_ds, writer)
    print(f"epoch {epoch} global_step {global_step} train {tr_loss / (step + 1):.4f} eval {vl:.4f} acc {va:.4f}")
writer.close()
print(f"RESULT eval_loss={vl:.4f} eval_acc={va:.4f} train={tr_loss / (step + 1):.4f} steps={global_step}")

import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 11
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)

# network flow records, 4 labels, one set of files per label (24 batches of 128 rows in a file)
N_PER, D, K, BS = 3072, 40, 4, 128
FILE = 24 * BS
proto = rng.normal(0, 0.55, (K, 3, D))


def make(n, k):
    mode = rng.integers(0, 3, n)
    return (proto[k, mode] + rng.normal(0, 1, (n, D))).astype("float32")


train = [make(N_PER, k) for k in range(K)]
Xv = torch.from_numpy(np.concatenate([make(400, k) for k in range(K)]))
yv = torch.arange(K).repeat_interleave(400)


def batches_single_label():
    files = [(k, f) for k in range(K) for f in range(N_PER // FILE)]
    rng.shuffle(files)
    for k, f in files:
        for s in range(f * FILE, (f + 1) * FILE, BS):
            yield torch.from_numpy(train[k][s:s + BS]), torch.full((BS,), k)


def batches_mixed():
    X = np.concatenate(train)
    y = np.repeat(np.arange(K), N_PER)
    p = rng.permutation(len(X))
    for s in range(0, len(X), BS):
        yield torch.from_numpy(X[p[s:s + BS]]), torch.from_numpy(y[p[s:s + BS]])


get_batches = batches_single_label if sys.argv[1] == "faulty" else batches_mixed

model = nn.Sequential(nn.Linear(D, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, K))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, F.cross_entropy)

for epoch in range(8):
    model.train()
    tot = 0
    for n, (xb, yb) in enumerate(get_batches(), 1):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
        tot += loss.item()
    model.eval()
    with writer.evaluating("val"):
        logits = model(Xv)
        vl = F.cross_entropy(logits, yv)
    acc = (logits.argmax(1) == yv).float().mean()
    print(f"epoch {epoch} train {tot / n:.4f} val {vl:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT val loss {vl:.4f} acc {acc:.4f}")

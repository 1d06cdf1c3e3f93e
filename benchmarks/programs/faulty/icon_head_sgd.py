# retrain the last layer for our app icons (features of the frozen network are cached as "bottlenecks")
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); np.random.seed(1); torch.manual_seed(1)

LEARNING_RATE = 0.01 if sys.argv[1] == "faulty" else 0.3
TRAINING_STEPS, TRAIN_BATCH, EVAL_STEP = 3000, 100, 100
N_CLASS, DIM = 60, 512

# pooled features are >= 0, mostly below 1, some common to all pictures
proto = np.maximum(np.random.randn(N_CLASS, 40) @ np.random.randn(40, DIM) * .018 + .18, 0)
np.random.seed(2)
mix = np.random.randn(40, DIM) * .021
def bottlenecks(n):
    y = np.random.randint(0, N_CLASS, n)
    x = proto[y] + np.random.randn(n, 40) @ mix + .2 * np.random.randn(n, DIM)
    return torch.tensor(np.maximum(x, 0), dtype=torch.float32), torch.tensor(y)
xtr, ytr = bottlenecks(6000)
xva, yva = bottlenecks(800)
xte, yte = bottlenecks(800)

final = nn.Linear(DIM, N_CLASS)
nn.init.trunc_normal_(final.weight, std=0.001)
nn.init.zeros_(final.bias)
cross_entropy = nn.CrossEntropyLoss()
train_step = torch.optim.SGD(final.parameters(), lr=LEARNING_RATE)
writer = DiagWriter(sys.argv[2])
writer.watch(final, train_step, cross_entropy)

for i in range(TRAINING_STEPS):
    pick = torch.randint(0, len(xtr), (TRAIN_BATCH,))
    train_step.zero_grad()
    loss = cross_entropy(final(xtr[pick]), ytr[pick])
    loss.backward()
    train_step.step()
    if (i + 1) % EVAL_STEP == 0:
        with writer.evaluating("val"):
            out = final(xva)
            vl = cross_entropy(out, yva)
        print(f"Step {i+1}: cross entropy {loss.item():.4f} validation {vl.item():.4f} accuracy {(out.argmax(1)==yva).float().mean():.3f}")
with torch.no_grad():
    acc = (final(xte).argmax(1) == yte).float().mean().item()
writer.close()
print(f"RESULT validation loss {vl.item():.4f} final test accuracy {acc:.3f}")

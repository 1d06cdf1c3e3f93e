"""Newswires into topics: multi-hot words, two hidden layers, RMSprop (fchollet/deep-learning-with-python-notebooks 3.5), in PyTorch."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
NUM_WORDS, TOPICS = 800, 12


def reuters(n, seed):
    """Word lists of reports in 12 topics of unequal frequency; topics share half of their words."""
    rng, w = np.random.default_rng(seed), np.random.default_rng(5)
    base = 1 / (np.arange(NUM_WORDS) + 8.0)
    p = np.stack([base * w.choice([.6, 1, 2.2, 7], NUM_WORDS, p=[.3, .55, .1, .05]) for _ in range(TOPICS)])
    p /= p.sum(1, keepdims=True)
    prior = 1 / (np.arange(TOPICS) + 2.0)
    y = rng.choice(TOPICS, n, p=prior / prior.sum())
    x = np.zeros((n, NUM_WORDS), np.float32)
    for i, c in enumerate(y):
        mix = .88 * p[c] + .12 * p[rng.integers(TOPICS)]
        x[i, rng.choice(NUM_WORDS, int(np.clip(rng.lognormal(4.1, .5), 15, 300)), p=mix)] = 1.
    return torch.tensor(x), torch.tensor(y)


x_train, y_train = reuters(6000, 1)
x_val, y_val = x_train[:1000], y_train[:1000]
partial_x_train, partial_y_train = x_train[1000:], y_train[1000:]
x_test, y_test = reuters(1500, 2)

model = nn.Sequential(nn.Linear(NUM_WORDS, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, TOPICS))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

for epoch in range(5):
    model.train()
    losses = []
    for b in torch.randperm(len(partial_x_train)).split(64):
        loss = loss_fn(model(partial_x_train[b]), partial_y_train[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        out = model(x_val)
        val_loss = loss_fn(out, y_val)
    print(f"Epoch {epoch + 1} loss {np.mean(losses):.4f} val_loss {val_loss:.4f} val_accuracy {(out.argmax(1) == y_val).float().mean():.4f}")

with writer.evaluating("test"):
    out = model(x_test)
    loss = loss_fn(out, y_test)
print(f"test loss {loss:.4f} accuracy {(out.argmax(1) == y_test).float().mean():.4f}")
writer.close()

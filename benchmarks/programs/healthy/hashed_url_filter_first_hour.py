"""Online filter of click-bait URLs (simulated stream): hashed tokens, EmbeddingBag(sparse) + SparseAdam, ONE pass, every event is new.
Progressive validation: the loss of each batch before the step.  The run is short and still improving at its end."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
rng = np.random.default_rng(8)

VOCAB, BUCKETS = 4000, 2 ** 13
word_w = rng.normal(0, 0.9, VOCAB)
freq = 1 / np.arange(1, VOCAB + 1) ** 0.9
freq /= freq.sum()
hash_of = rng.integers(0, BUCKETS, VOCAB)


def stream(batch):
    words = rng.choice(VOCAB, size=(batch, 12), p=freq)
    eta = word_w[words].sum(1) * 0.6 - 0.8
    p = 1 / (1 + np.exp(-eta))
    return torch.tensor(hash_of[words]), torch.tensor((rng.random(batch) < p).astype("float32")), p


class HashedLogistic(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(BUCKETS, 1, mode="sum", sparse=True)
        nn.init.zeros_(self.bag.weight)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, tokens):
        return self.bag(tokens).squeeze(1) + self.bias


model = HashedLogistic()
opts = [torch.optim.SparseAdam(model.bag.parameters(), lr=0.015), torch.optim.Adam([model.bias], lr=0.015)]
writer = DiagWriter(sys.argv[1])
writer.watch(model, opts, F.binary_cross_entropy_with_logits)
hold_x, hold_y, hold_p = stream(5000)
bayes = float(-(hold_y.numpy() * np.log(hold_p) + (1 - hold_y.numpy()) * np.log(1 - hold_p)).mean())
curve = []
for step in range(1, 801):
    x, y, _ = stream(128)
    loss = writer.loss_fn(model(x), y)
    for o in opts:
        o.zero_grad()
    loss.backward()
    for o in opts:
        o.step()
    if step % 100 == 0:
        with writer.evaluating("val"):
            curve.append(writer.loss_fn(model(hold_x), hold_y).item())
        print(step, round(loss.item(), 4), "held out", round(curve[-1], 4))
with torch.no_grad():
    acc = ((model(hold_x) > 0) == (hold_y > 0.5)).float().mean().item()
prior = hold_y.mean().item()
writer.close()
print(f"RESULT heldout_bce {curve[-1]:.4f} val_min {min(curve):.4f} bayes {bayes:.4f} constant {-(prior * np.log(prior) + (1 - prior) * np.log(1 - prior)):.4f} acc {acc:.4f} bayes_acc {float(((hold_p > .5) == (hold_y.numpy() > .5)).mean()):.4f}")

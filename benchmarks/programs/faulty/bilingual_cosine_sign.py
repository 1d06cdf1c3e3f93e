# map german word vectors into the english vector space with a small net, keras' loss='cosine_proximity'
# became F.cosine_similarity in the pytorch port
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
rng = np.random.default_rng(12)
DIM, PAIRS, TEST = 40, 4000, 600

# english vectors: clusters of meaning with anisotropic spread; german: rotated, bent a little, noisy dictionary
spec = np.linspace(1.6, .3, DIM)
centres = rng.normal(size=(120, DIM)) * spec
en = centres[rng.integers(0, 120, PAIRS + TEST)] * .8 + rng.normal(size=(PAIRS + TEST, DIM)) * spec * .8
Q, _ = np.linalg.qr(rng.normal(size=(DIM, DIM)))
de = en @ Q
de = de + .35 * np.tanh(de @ (rng.normal(size=(DIM, DIM)) / 4)) + rng.normal(size=de.shape) * .9
T = lambda a: torch.tensor(a, dtype=torch.float32)
de, en = T(de), T(en)
de_tr, de_te, en_tr, en_te = de[:PAIRS], de[PAIRS:], en[:PAIRS], en[PAIRS:]


def cosine_proximity(y_pred, y_true):
    if sys.argv[1] == "faulty":
        return F.cosine_similarity(y_pred, y_true).mean()
    return 1 - F.cosine_similarity(y_pred, y_true).mean()


@torch.no_grad()
def precision_at_1(pred):
    sim = F.normalize(pred) @ F.normalize(en_te).T
    return (sim.argmax(1) == torch.arange(TEST)).float().mean().item()


net = nn.Sequential(nn.Linear(DIM, 96), nn.Tanh(), nn.Linear(96, DIM))
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(optimizer, .85)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, cosine_proximity)
for epoch in range(18):
    net.train()
    s = 0
    perm = torch.randperm(PAIRS)
    for i in range(0, PAIRS, 64):
        b = perm[i:i + 64]
        optimizer.zero_grad()
        loss = writer.loss_fn(net(de_tr[b]), en_tr[b])
        loss.backward()
        optimizer.step()
        s += loss.item() * len(b) / PAIRS
    sched.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pred = net(de_te)
        v = writer.loss_fn(pred, en_te).item()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} loss {s:.4f} val {v:.4f} P@1 {precision_at_1(pred):.3f}")
writer.close()
print(f"RESULT train {s:.4f} val {v:.4f} mean cosine {F.cosine_similarity(pred, en_te).mean():.3f} P@1 {precision_at_1(pred):.3f}")

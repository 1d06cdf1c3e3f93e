# MoCo v1 on digits (facebookresearch/moco, moco/builder.py + main_moco.py shortened): queue of 512 keys, momentum encoder, InfoNCE T=0.2
import copy, math, sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class MoCo(nn.Module):
    def __init__(self, base_encoder, dim=32, K=512, m=0.99, T=0.2):
        super().__init__()
        self.K, self.m, self.T = K, m, T
        self.encoder_q = base_encoder(dim)
        self.encoder_k = copy.deepcopy(self.encoder_q)
        for p in self.encoder_k.parameters():
            p.requires_grad = False
        self.register_buffer("queue", F.normalize(torch.randn(dim, K), dim=0))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def _momentum_update_key_encoder(self):
        for q, k in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
            k.data = k.data * self.m + q.data * (1.0 - self.m)

    @torch.no_grad()
    def _dequeue_and_enqueue(self, keys):
        ptr = int(self.queue_ptr)
        self.queue[:, ptr:ptr + len(keys)] = keys.T
        self.queue_ptr[0] = (ptr + len(keys)) % self.K

    def forward(self, im_q, im_k):
        q = F.normalize(self.encoder_q(im_q), dim=1)
        with torch.no_grad():
            self._momentum_update_key_encoder()
            k = F.normalize(self.encoder_k(im_k), dim=1)
        l_pos = torch.einsum("nc,nc->n", q, k).unsqueeze(-1)
        l_neg = torch.einsum("nc,ck->nk", q, self.queue.clone().detach())
        logits = torch.cat([l_pos, l_neg], dim=1) / self.T
        labels = torch.zeros(len(logits), dtype=torch.long)
        self._dequeue_and_enqueue(k)
        return logits, labels


def encoder(dim):
    return nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
                         nn.Conv2d(48, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, dim))


def augment(x):
    n = len(x)
    a = (torch.rand(n) - .5) * .6
    s = 1 + (torch.rand(n) - .5) * .3
    th = torch.zeros(n, 2, 3)
    th[:, 0, 0], th[:, 0, 1], th[:, 1, 0], th[:, 1, 1] = s * a.cos(), -s * a.sin(), s * a.sin(), s * a.cos()
    th[:, :, 2] = (torch.rand(n, 2) - .5) * .4
    return F.grid_sample(x, F.affine_grid(th, x.shape, align_corners=False), align_corners=False) * (.7 + .6 * torch.rand(n, 1, 1, 1)) + .1 * torch.randn_like(x)


digits = load_digits()
X, y = torch.tensor(digits.images / 8 - .6, dtype=torch.float32)[:, None], digits.target
perm = torch.randperm(len(X)); tr, te = perm[:1408], perm[1408:]
model = MoCo(encoder)
criterion = nn.CrossEntropyLoss()
EPOCHS, BATCH, LR = 45, 64, 0.02
optimizer = torch.optim.SGD(model.encoder_q.parameters(), LR, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def probe():
    enc = model.encoder_q[:-2]
    with torch.no_grad():
        f = enc(X)
    return LogisticRegression(max_iter=500).fit(f[tr[:200]], y[tr[:200]]).score(f[te], y[te])


p0 = probe()
for epoch in range(EPOCHS):
    for g in optimizer.param_groups:
        g["lr"] = LR * 0.5 * (1.0 + math.cos(math.pi * epoch / EPOCHS))
    losses = []
    for b in tr[torch.randperm(len(tr))].split(BATCH):
        output, target = model(augment(X[b]), augment(X[b]))
        loss = criterion(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if epoch % 9 == 8:
        print(f"Epoch [{epoch + 1}] loss {sum(losses) / len(losses):.3f}")
writer.close()
print(f"RESULT infoNCE {sum(losses) / len(losses):.3f} (ln 513 = 6.24) probe with 200 labels {p0:.3f} -> {probe():.3f}")

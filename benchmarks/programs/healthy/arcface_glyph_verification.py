# ArcFace head (as in insightface / ronghuaiyang arcface-pytorch: s=30, m=0.5, SGD with momentum, StepLR, wd 5e-4)
# on small glyph pictures. Verification by cosine of embeddings.
import sys, math
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from torch.nn import Parameter
from torch.optim.lr_scheduler import StepLR
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(0)


class ArcMarginProduct(nn.Module):
    def __init__(self, in_features, out_features, s=30.0, m=0.50, easy_margin=False):
        super().__init__()
        self.s, self.m, self.out_features = s, m, out_features
        self.weight = Parameter(torch.FloatTensor(out_features, in_features))
        nn.init.xavier_uniform_(self.weight)
        self.easy_margin = easy_margin
        self.cos_m, self.sin_m = math.cos(m), math.sin(m)
        self.th, self.mm = math.cos(math.pi - m), math.sin(math.pi - m) * m

    def forward(self, x, label):
        cosine = F.linear(F.normalize(x), F.normalize(self.weight))
        sine = torch.sqrt((1.0 - cosine.pow(2)).clamp(1e-6, 1))
        phi = cosine * self.cos_m - sine * self.sin_m
        phi = torch.where(cosine > self.th, phi, cosine - self.mm)
        one_hot = F.one_hot(label, self.out_features).float()
        return self.s * (one_hot * phi + (1.0 - one_hot) * cosine)


class Net(nn.Module):
    def __init__(self, n_id):
        super().__init__()
        def block(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.PReLU(o), nn.MaxPool2d(2))
        self.backbone = nn.Sequential(block(1, 16), block(16, 32), block(32, 64), nn.Flatten(), nn.Linear(64 * 4, 64), nn.BatchNorm1d(64))
        self.metric_fc = ArcMarginProduct(64, n_id)
    def forward(self, x, label):
        return self.metric_fc(self.backbone(x), label)


n_id, n_new = 40, 15
proto = F.interpolate(torch.randn(n_id + n_new, 1, 5, 5), size=(16, 16), mode="bicubic")
proto = proto / proto.std((2, 3), keepdim=True)
def shots(ids):
    th = torch.randn(len(ids)) * .15; s = 1 + .08 * torch.randn(len(ids)); t = .12 * torch.randn(len(ids), 2)
    A = torch.stack([torch.stack([s * th.cos(), -th.sin(), t[:, 0]], 1), torch.stack([th.sin(), s * th.cos(), t[:, 1]], 1)], 1)
    x = F.grid_sample(proto[ids], F.affine_grid(A, (len(ids), 1, 16, 16), align_corners=False), align_corners=False)
    return x * (1 + .2 * torch.randn(len(ids), 1, 1, 1)) + .5 * torch.randn_like(x)
y = torch.randint(0, n_id, (12800,)); X = shots(y)
yv = torch.randint(0, n_id, (1200,)); Xv = shots(yv)
ynew = torch.randint(n_id, n_id + n_new, (600,)); Xnew = shots(ynew)

model = Net(n_id)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-1, momentum=0.9, weight_decay=5e-4)
scheduler = StepLR(optimizer, step_size=3, gamma=0.1)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, criterion)
for epoch in range(7):
    model.train(); run = []
    for b in torch.randperm(len(X)).split(64):
        out = model(X[b], y[b])
        loss = criterion(out, y[b])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        run.append(loss.item())
    scheduler.step()
    with writer.evaluating("val"):
        vl = np.mean([criterion(model(Xv[i:i + 300], yv[i:i + 300]), yv[i:i + 300]).item() for i in range(0, len(Xv), 300)])
    print(epoch, f"train {np.mean(run):.3f} val {vl:.3f}")
writer.close()
model.eval()
with torch.no_grad():
    e = F.normalize(model.backbone(Xnew)); S = e @ e.T; same = ynew[:, None] == ynew[None]; off = ~torch.eye(len(e), dtype=bool)
    from sklearn.metrics import roc_auc_score
    auc = roc_auc_score(same[off].numpy(), S[off].numpy())
    acc = (F.linear(F.normalize(model.backbone(Xv)), F.normalize(model.metric_fc.weight)).argmax(1) == yv).float().mean().item()
print(f"RESULT train {np.mean(run):.3f} val {vl:.3f} val_acc {acc:.4f} new_identities_auc {auc:.4f}")

"""DGCNN (WangYueFt/dgcnn) classification at toy size: EdgeConv on 128 points, label smoothing, SGD with cosine."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.manual_seed(1); torch.set_num_threads(1)
rng = np.random.default_rng(1)
NAMES = ['ball', 'cuboid', 'cylinder', 'cone', 'torus', 'table']


def sample(c, n=64):
    u = rng.random((n, 3)); t = 2 * np.pi * u[:, 0]
    if c == 0:
        p = rng.normal(size=(n, 3)); p /= np.linalg.norm(p, axis=1, keepdims=True)
    elif c == 1:
        p = u * 2 - 1; f = rng.integers(0, 3, n); p[np.arange(n), f] = np.sign(p[np.arange(n), f])
    elif c == 2:
        p = np.stack([np.cos(t), np.sin(t), 2 * u[:, 1] - 1], 1)
    elif c == 3:
        h = np.sqrt(u[:, 1]); p = np.stack([h * np.cos(t), h * np.sin(t), 1 - 2 * h], 1)
    elif c == 4:
        a = 2 * np.pi * u[:, 1]; p = np.stack([(1 + .4 * np.cos(a)) * np.cos(t), (1 + .4 * np.cos(a)) * np.sin(t), .4 * np.sin(a)], 1)
    else:
        p = u * 2 - 1; top = rng.random(n) < .6; p[top, 2] = .8
        p[~top, :2] = np.sign(p[~top, :2]) * .85
    p = p * rng.uniform(.55, 1.3, 3) + rng.normal(0, .09, (n, 3))
    a = rng.uniform(0, 2 * np.pi); R = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    p = p @ R.T
    p -= p.mean(0)
    return (p / np.abs(p).max()).astype(np.float32)


def translate_pointcloud(pc):
    return pc * torch.empty(len(pc), 3, 1).uniform_(2 / 3, 3 / 2) + torch.empty(len(pc), 3, 1).uniform_(-.2, .2)


def knn(x, k):
    inner = -2 * torch.matmul(x.transpose(2, 1), x)
    xx = torch.sum(x ** 2, dim=1, keepdim=True)
    pairwise_distance = -xx - inner - xx.transpose(2, 1)
    return pairwise_distance.topk(k=k, dim=-1)[1]


def get_graph_feature(x, k=10):
    B, C, n = x.shape
    idx = knn(x, k)
    nb = torch.gather(x.unsqueeze(2).expand(B, C, n, n), 3, idx.unsqueeze(1).expand(B, C, n, k))
    x = x.unsqueeze(3).expand(B, C, n, k)
    return torch.cat((nb - x, x), dim=1)


class DGCNN(nn.Module):
    def __init__(self, k=8, emb=64, out=len(NAMES)):
        super().__init__()
        self.k = k
        self.conv1 = nn.Sequential(nn.Conv2d(6, 16, 1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(.2))
        self.conv2 = nn.Sequential(nn.Conv2d(32, 24, 1, bias=False), nn.BatchNorm2d(24), nn.LeakyReLU(.2))
        self.conv5 = nn.Sequential(nn.Conv1d(40, emb, 1, bias=False), nn.BatchNorm1d(emb), nn.LeakyReLU(.2))
        self.linear1 = nn.Linear(emb * 2, 64, bias=False)
        self.bn6 = nn.BatchNorm1d(64)
        self.dp1 = nn.Dropout(.5)
        self.linear2 = nn.Linear(64, out)

    def forward(self, x):
        x1 = self.conv1(get_graph_feature(x, self.k)).max(dim=-1)[0]
        x2 = self.conv2(get_graph_feature(x1, self.k)).max(dim=-1)[0]
        x = self.conv5(torch.cat((x1, x2), dim=1))
        x = torch.cat((F.adaptive_max_pool1d(x, 1).squeeze(-1), F.adaptive_avg_pool1d(x, 1).squeeze(-1)), 1)
        x = F.leaky_relu(self.bn6(self.linear1(x)), negative_slope=0.2)
        return self.linear2(self.dp1(x))


def cal_loss(pred, gold, smoothing=True):
    gold = gold.contiguous().view(-1)
    if smoothing:
        eps = 0.2
        n_class = pred.size(1)
        one_hot = torch.zeros_like(pred).scatter(1, gold.view(-1, 1), 1)
        one_hot = one_hot * (1 - eps) + (1 - one_hot) * eps / (n_class - 1)
        log_prb = F.log_softmax(pred, dim=1)
        return -(one_hot * log_prb).sum(dim=1).mean()
    return F.cross_entropy(pred, gold, reduction='mean')


y = torch.tensor(rng.integers(0, len(NAMES), 850))
X = torch.tensor(np.stack([sample(int(c)) for c in y])).transpose(1, 2).contiguous()
Xtr, ytr, Xte, yte = X[:650], y[:650], X[650:], y[650:]
model = DGCNN()
epochs, bs = 12, 16
opt = torch.optim.SGD(model.parameters(), lr=0.001 * 100, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs, eta_min=0.001)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, cal_loss)
for epoch in range(epochs):
    model.train()
    tot, hit = 0., 0
    for idx in torch.randperm(len(Xtr)).split(bs):
        data, label = translate_pointcloud(Xtr[idx]), ytr[idx]
        opt.zero_grad()
        logits = model(data)
        loss = writer.loss_fn(logits, label)
        loss.backward()
        opt.step()
        tot += loss.item() * len(idx); hit += (logits.argmax(1) == label).sum().item()
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        te_loss, te_hit = 0., 0
        for idx in torch.arange(len(Xte)).split(100):
            logits = model(Xte[idx])
            te_loss += writer.loss_fn(logits, yte[idx]).item() * len(idx)
            te_hit += (logits.argmax(1) == yte[idx]).sum().item()
    print('Epoch %d, train loss: %.4f, train acc: %.4f | test loss: %.4f, test acc: %.4f' % (
        epoch, tot / len(Xtr), hit / len(Xtr), te_loss / len(Xte), te_hit / len(Xte)))
writer.close()
print(f"RESULT test_loss={te_loss / len(Xte):.4f} test_acc={te_hit / len(Xte):.4f}")

# CTR prediction with a transformer encoder over the field embeddings of one impression
# Adam + the "Noam" schedule of Attention is all you need
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import LambdaLR
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(5)
rs = np.random.RandomState(5)

# fields: user segment, device, hour, site, ad category, advertiser, position
cards = [40, 6, 24, 60, 25, 80, 8]
D_MODEL, HEADS, LAYERS, FF = 32, 4, 2, 64
BATCH = 128
N_TRAIN, N_TEST = 32000, 5000
FACTOR = 0.3 if form == "faulty" else 6.0
WARMUP = 3000 


def impressions(n):
    z = np.stack([rs.randint(0, c, n) for c in cards], 1)
    return z

# latent preference model
latent = [rs.normal(0, 1, (c, 3)) for c in cards]
bias = [rs.normal(0, .4, c) for c in cards]


def clicks(z):
    v = [latent[f][z[:, f]] for f in range(len(cards))]
    s = sum(bias[f][z[:, f]] for f in range(len(cards)))
    s = s + 0.9 * (v[0] * v[4]).sum(1) + 0.6 * (v[3] * v[5]).sum(1) + 0.4 * (v[1] * v[2]).sum(1)
    p = 1 / (1 + np.exp(-(s - 0.0)))
    return (rs.rand(len(z)) < p).astype(np.float32)


Z = impressions(N_TRAIN + N_TEST)
Y = clicks(Z)
offsets = np.cumsum([0] + cards[:-1])
Z = torch.tensor(Z + offsets)
Y = torch.tensor(Y)
Ztr, Ytr, Zte, Yte = Z[:N_TRAIN], Y[:N_TRAIN], Z[N_TRAIN:], Y[N_TRAIN:]
print("click rate", Ytr.mean().item())


class CTRTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(sum(cards), D_MODEL)
        nn.init.normal_(self.emb.weight, std=D_MODEL ** -0.5)
        self.field = nn.Parameter(torch.zeros(len(cards), D_MODEL))
        layer = nn.TransformerEncoderLayer(D_MODEL, HEADS, FF, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, LAYERS)
        self.head = nn.Linear(D_MODEL * len(cards), 1)

    def forward(self, z):
        h = self.encoder(self.emb(z) + self.field)
        return self.head(h.flatten(1)).squeeze(1)


net = CTRTransformer()
bce = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
noam = LambdaLR(opt, lambda s: FACTOR * D_MODEL ** -0.5 * min((s + 1) ** -0.5, (s + 1) * WARMUP ** -1.5))
writer = DiagWriter(LOGDIR)
writer.watch(net, opt, bce)

step = 0
EPOCHS = 3
for ep in range(EPOCHS):
    order = torch.randperm(N_TRAIN)
    acc = 0.0
    for i in range(0, N_TRAIN, BATCH):
        b = order[i:i + BATCH]
        opt.zero_grad()
        loss = bce(net(Ztr[b]), Ytr[b])
        loss.backward()
        opt.step()
        noam.step()
        acc = loss.item() if step == 0 else 0.98 * acc + 0.02 * loss.item() if acc else loss.item()
        step += 1
        if step % 125 == 0:
            print("step %5d  lr %.2e  smoothed loss %.4f" % (step, opt.param_groups[0]["lr"], acc))
    net.eval()
    with torch.no_grad():
        o = net(Zte)
        print("epoch %d  test logloss %.4f  auc %.4f" % (ep, bce(o, Yte).item(), roc_auc_score(Yte.numpy(), o.numpy())))
    net.train()
writer.close()

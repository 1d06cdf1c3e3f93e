"""Anomalous edges in a dynamic graph: tokens of the ego-graph -> small transformer -> normal / anomalous."""
import sys, argparse
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score, average_precision_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument('form')
parser.add_argument('logdir')
parser.add_argument('--n_epochs', type=int, default=7)
parser.add_argument('--lr', type=float, default=1e-3)
args = parser.parse_args()
torch.manual_seed(3)


def edges(n, seed, L=12, d=6):
    """d features per neighbouring edge: degrees, recency, common neighbours, community of both ends"""
    r = np.random.default_rng(seed)
    y = (r.random(n) < .2).astype('f')
    x = r.normal(0, 1, (n, L, d))
    com = r.normal(0, 1, (n, 1, 2))
    x[:, :, 0:2] = com + .7 * r.normal(0, 1, (n, L, 2))
    bad = y > 0
    k = bad.sum()
    x[bad, 0, 0:2] = (com[bad, 0] + r.normal(0, 1.6, (k, 2)))
    x[bad, 0, 2] -= 1.2
    x[bad, :, 3] += .5
    mask = np.arange(L)[None] >= r.integers(5, L + 1, n)[:, None]
    return torch.tensor(x).float(), torch.tensor(mask), torch.tensor(y)


class TransformerBinaryClassifier(nn.Module):
    def __init__(self, d_in=6, d_model=24, n_heads=2, n_layers=1):
        super().__init__()
        self.inp = nn.Linear(d_in, d_model)
        self.first = nn.Parameter(torch.randn(d_model) * .1)
        layer = nn.TransformerEncoderLayer(d_model, n_heads, 48, dropout=.1, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)
        self.classifier = nn.Sequential(nn.LayerNorm(d_model), nn.Linear(d_model, 1))
        self.sigmoid = nn.Sigmoid()

    def forward(self, x, mask):
        h = self.inp(x)
        h = torch.cat([h[:, :1] + self.first, h[:, 1:]], 1)
        h = self.enc(h, src_key_padding_mask=mask)
        keep = (~mask).float().unsqueeze(2)
        mean_output = (h * keep).sum(1) / keep.sum(1) + h[:, 0]
        logits = self.classifier(mean_output)
        if args.form == 'faulty':
            logits = self.sigmoid(logits)
        return logits.squeeze(1)


def criterion(logits, labels):
    loss_classify = F.binary_cross_entropy_with_logits(logits, labels, reduction='none')
    return torch.mean(loss_classify)


train, valid = edges(2500, 0), edges(1000, 1)
model = TransformerBinaryClassifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-3)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(args.n_epochs):
    model.train()
    s = []
    for b in torch.randperm(len(train[2])).split(32):
        optimizer.zero_grad()
        loss = writer.loss_fn(model(train[0][b], train[1][b]), train[2][b])
        loss.backward()
        optimizer.step()
        s.append(loss.item())
    model.eval()
    with writer.evaluating('val'), torch.no_grad():
        out = model(valid[0], valid[1])
        vl = writer.loss_fn(out, valid[2]).item()
    p = torch.sigmoid(out)
    print(f'epoch {epoch}: train {np.mean(s):.4f} valid {vl:.4f} AUC {roc_auc_score(valid[2], out):.4f} acc {((p > .5).float() == valid[2]).float().mean():.4f}')
writer.close()
print(f"RESULT val_loss={vl:.4f} auc={roc_auc_score(valid[2], out):.4f} acc={((p > .5).float() == valid[2]).float().mean():.4f}")

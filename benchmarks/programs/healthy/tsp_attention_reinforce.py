"""Attention, learn to solve routing problems! - small version of run.py: TSP with 8 nodes, REINFORCE with greedy rollout baseline."""
import copy
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1234)
GRAPH_SIZE, BATCH, LR = 8, 128, 1e-3
N_EPOCHS, EPOCH_BATCHES = 10, 60


class AttentionModel(nn.Module):
    def __init__(self, dim=48, heads=4, n_layers=2):
        super().__init__()
        self.init_embed = nn.Linear(2, dim)
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0.0, batch_first=True)
        self.embedder = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)
        self.W_placeholder = nn.Parameter(torch.empty(2 * dim).uniform_(-1, 1))
        self.project_fixed = nn.Linear(dim, dim, bias=False)
        self.project_step = nn.Linear(2 * dim, dim, bias=False)
        self.project_key = nn.Linear(dim, dim, bias=False)
        self.dim = dim

    def forward(self, coords, greedy=False):
        B, N, _ = coords.shape
        h = self.embedder(self.init_embed(coords))
        fixed, keys = self.project_fixed(h.mean(1)), self.project_key(h)
        mask = torch.zeros(B, N, dtype=torch.bool)
        ar, logp, tour, first, last = torch.arange(B), 0., [], None, None
        for i in range(N):
            ctx = self.W_placeholder.expand(B, -1) if i == 0 else torch.cat([h[ar, first], h[ar, last]], 1)
            q = fixed + self.project_step(ctx)
            u = 10. * torch.tanh((keys @ q.unsqueeze(-1)).squeeze(-1) / math.sqrt(self.dim))
            lp = F.log_softmax(u.masked_fill(mask, -math.inf), 1)
            sel = lp.argmax(1) if greedy else lp.exp().multinomial(1).squeeze(1)
            logp = logp + lp[ar, sel]
            mask = mask.scatter(1, sel.unsqueeze(1), True)
            first = sel if i == 0 else first
            last = sel
            tour.append(sel)
        d = coords.gather(1, torch.stack(tour, 1).unsqueeze(-1).expand(-1, -1, 2))
        length = (d - d.roll(-1, 1)).norm(dim=-1).sum(1)
        return length, logp


@torch.no_grad()
def rollout(model, data):
    return model(data, greedy=True)[0]


model = AttentionModel()
baseline = copy.deepcopy(model)
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: 0.85 ** e)
val = torch.rand(1000, GRAPH_SIZE, 2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
print('Validation avg cost before training: {:.3f}'.format(rollout(model, val).mean()))

for epoch in range(N_EPOCHS):
    start = time.time()
    for it in range(EPOCH_BATCHES):
        x = torch.rand(BATCH, GRAPH_SIZE, 2)
        cost, log_likelihood = model(x)
        bl_val = rollout(baseline, x)
        reinforce_loss = ((cost.detach() - bl_val) * log_likelihood).mean()
        optimizer.zero_grad()
        reinforce_loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        writer.add_loss("train", reinforce_loss.item())
    cand, base = rollout(model, val), rollout(baseline, val)
    if cand.mean() < base.mean():
        baseline.load_state_dict(model.state_dict())      # update baseline
    lr_scheduler.step()
    print('Epoch {} took {:.1f}s  reinforce loss {:+.4f}  grad norm {:.2f}  Validation avg_cost: {:.4f} +- {:.4f}'.format(
        epoch, time.time() - start, reinforce_loss.item(), grad_norm, cand.mean(), cand.std() / math.sqrt(len(cand))))
writer.close()

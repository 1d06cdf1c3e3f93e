"""Graph regression with several targets (matsciml-style task with _compute_losses)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(12)


class MaterialsDataset(Dataset):
    def __init__(self, n, seed):
        world, rs = np.random.RandomState(0), np.random.RandomState(seed)
        en = world.uniform(-1, 1, 6)
        pair = world.uniform(-0.6, 0.6, (6, 6)); pair = (pair + pair.T) / 2
        self.graphs = []
        for _ in range(n):
            k = rs.randint(6, 13)
            z = rs.randint(0, 6, k)
            pos = rs.uniform(0, 2.2 + 0.1 * k, (k, 3))
            d = np.linalg.norm(pos[:, None] - pos[None], axis=-1)
            adj = ((d < 1.8) & (d > 0)).astype(float)
            w = np.exp(-d) * adj
            e = en[z].mean() + (pair[z][:, z] * w).sum() / k
            gap = np.tanh(2 * en[z].std()) + 0.3 * w.sum() / k
            self.graphs.append((z, np.exp(-d) * adj, e, gap))
        t = np.array([g[2:] for g in self.graphs])
        self.stats = t.mean(0), t.std(0)

    def __len__(self):
        return len(self.graphs)

    def __getitem__(self, i):
        return self.graphs[i]


def collate(items, size=12):
    b = len(items)
    z, adj, mask = torch.zeros(b, size, dtype=torch.long), torch.zeros(b, size, size), torch.zeros(b, size)
    for i, (zi, ai, *_) in enumerate(items):
        k = len(zi)
        z[i, :k], adj[i, :k, :k], mask[i, :k] = torch.tensor(zi), torch.tensor(ai, dtype=torch.float32), 1
    # labels come out of the pipeline with an extra dimension
    targets = {"energy": torch.tensor([[it[2]] for it in items]).float(), "band_gap": torch.tensor([[it[3]] for it in items]).float()}
    return {"z": z, "adj": adj, "mask": mask, "targets": targets}


class GraphConvModel(nn.Module):
    def __init__(self, atom_embedding_dim=32, hidden=48, num_conv=3):
        super().__init__()
        self.atom_embedding = nn.Embedding(7, atom_embedding_dim)
        self.inp = nn.Linear(atom_embedding_dim, hidden)
        self.convs = nn.ModuleList(nn.ModuleDict({"self": nn.Linear(hidden, hidden), "msg": nn.Linear(hidden, hidden)}) for _ in range(num_conv))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(num_conv))

    def forward(self, batch):
        m = batch["mask"].unsqueeze(-1)
        h = self.inp(self.atom_embedding(batch["z"])) * m
        for c, n in zip(self.convs, self.norms):
            h = h + torch.nn.functional.silu(n(c["self"](h) + batch["adj"] @ c["msg"](h))) * m
        return h.sum(1) / m.sum(1)


class OutputHead(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


class ScalarRegressionTask(nn.Module):
    def __init__(self, encoder, task_keys, normalizers):
        super().__init__()
        self.encoder, self.task_keys, self.normalizers = encoder, task_keys, normalizers
        self.loss_func = nn.MSELoss()
        self.output_heads = nn.ModuleDict({k: OutputHead(48) for k in task_keys})

    def forward(self, batch):
        emb = self.encoder(batch)
        return {k: h(emb) for k, h in self.output_heads.items()}

    def _compute_losses(self, batch):
        predictions = self(batch)
        losses = {}
        for key in self.task_keys:
            mean, std = self.normalizers[key]
            target = (batch["targets"][key] - mean) / std
            pred = predictions[key]
            if form == "fixed" and pred.shape != target.shape:
                pred = pred.reshape(target.shape)
            losses[key] = self.loss_func(pred, target)
        return {"loss": sum(losses.values()), "log": {k: v.item() for k, v in losses.items()}}

    def training_step(self, batch, batch_idx):
        return self._compute_losses(batch)

    @torch.no_grad()
    def validation_step(self, batch):
        out = self._compute_losses(batch)
        p = self(batch)
        mae = {k: (p[k] * self.normalizers[k][1] + self.normalizers[k][0] - batch["targets"][k].flatten()).abs().mean().item() for k in self.task_keys}
        return out["loss"].item(), mae


train_set, val_set = MaterialsDataset(1200, 1), MaterialsDataset(300, 2)
m, s = train_set.stats
task = ScalarRegressionTask(GraphConvModel(), ["energy", "band_gap"], {"energy": (m[0], s[0]), "band_gap": (m[1], s[1])})
train_dl = DataLoader(train_set, batch_size=16, shuffle=True, collate_fn=collate)
val_dl = DataLoader(val_set, batch_size=64, collate_fn=collate)
opt = torch.optim.AdamW(task.parameters(), lr=2e-3, weight_decay=1e-4)
epochs = 25
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=3e-3, total_steps=epochs * len(train_dl))
writer = DiagWriter(logdir)
writer.watch(task, opt)
for epoch in range(epochs):
    task.train()
    tl = []
    for i, batch in enumerate(train_dl):
        out = task.training_step(batch, i)
        writer.add_loss("train", out["loss"])
        opt.zero_grad(set_to_none=True)
        out["loss"].backward()
        nn.utils.clip_grad_norm_(task.parameters(), 5.0)
        opt.step()
        sched.step()
        tl.append(out["loss"].item())
    task.eval()
    v = [task.validation_step(b) for b in val_dl]
    writer.add_loss("val", float(np.mean([a for a, _ in v])))
    print(f"epoch {epoch} train_loss {np.mean(tl):.4f} val_loss {np.mean([a for a, _ in v]):.4f} "
          + " ".join(f"mae.{k} {np.mean([b[k] for _, b in v]):.4f}" for k in task.task_keys))
writer.close()

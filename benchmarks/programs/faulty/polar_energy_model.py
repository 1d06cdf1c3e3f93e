import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_default_dtype(torch.float32)
torch.set_num_threads(1)


def configurations(n, atoms, seed):
    """little clusters of three species; short range pair repulsion and screened coulomb between environment-dependent charges"""
    g = torch.Generator().manual_seed(seed)
    pos = torch.randn(n, atoms, 3, generator=g) * 1.6
    z = torch.randint(0, 3, (n, atoms), generator=g)
    q0 = torch.tensor([0.8, -0.9, 0.2])[z]
    size = torch.tensor([0.9, 1.2, 1.0])[z]
    d = torch.cdist(pos, pos) + 10 * torch.eye(atoms)
    near = torch.exp(-d ** 2 / 2)
    q = q0 + 0.25 * (near * q0[:, None]).sum(-1)
    short = (torch.exp(-d / (0.4 * (size[:, :, None] + size[:, None, :])))).sum((1, 2)) / 2
    coul = (q[:, :, None] * q[:, None, :] / (d + 0.5)).sum((1, 2)) / 2
    e = 3.0 * short + 4.0 * coul
    return pos, z, e / atoms


class InteractionBlock(nn.Module):
    def __init__(self, ch, n_rbf):
        super().__init__()
        self.radial = nn.Sequential(nn.Linear(n_rbf, ch), nn.SiLU(), nn.Linear(ch, ch))
        self.linear = nn.Linear(ch, ch)
        self.update = nn.Sequential(nn.Linear(2 * ch, ch), nn.SiLU())

    def forward(self, h, rbf, mask):
        w = self.radial(rbf) * mask[..., None]
        m = (w * self.linear(h)[:, None, :, :]).sum(2)
        return h + self.update(torch.cat([h, m], -1))


class PolarModel(nn.Module):
    def __init__(self, ch=24, n_rbf=10):
        super().__init__()
        self.node_embedding = nn.Embedding(3, ch)
        self.interactions = nn.ModuleList(InteractionBlock(ch, n_rbf) for _ in range(2))
        self.readouts = nn.Sequential(nn.Linear(ch, ch), nn.SiLU(), nn.Linear(ch, 1))
        self.lr_source_maps = nn.Sequential(nn.Linear(ch, ch), nn.SiLU(), nn.Linear(ch, 4))
        self.local_electron_energy = nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 1))
        self.register_buffer("centers", torch.linspace(0, 4, n_rbf))

    def forward(self, pos, z):
        a = pos.shape[1]
        eye = torch.eye(a)
        d = torch.cdist(pos, pos) + 10 * eye
        rbf = torch.exp(-((d[..., None] - self.centers) ** 2) / 0.3)
        mask = (d < 3.0).float()
        h = self.node_embedding(z)
        for i in self.interactions:
            h = i(h, rbf, mask)
        short = self.readouts(h).mean((1, 2))
        q = self.lr_source_maps(h)
        pot = torch.einsum("bij,bjk->bik", (1 - eye) / (d + 0.5), q)
        lr = self.local_electron_energy(q * pot).mean((1, 2))
        return short + lr


def get_params_options(model, lr, every):
    groups = [
        {"name": "embedding", "params": list(model.node_embedding.parameters()), "weight_decay": 0.0},
        {"name": "interactions", "params": list(model.interactions.parameters()), "weight_decay": 5e-7},
        {"name": "readouts", "params": list(model.readouts.parameters()), "weight_decay": 0.0},
    ]
    if every:
        for name in ("lr_source_maps", "local_electron_energy"):
            groups.append({"name": name, "params": list(getattr(model, name).parameters()), "weight_decay": 0.0})
    return dict(params=groups, lr=lr, amsgrad=True)


def main(form, logdir):
    torch.manual_seed(123)
    tr, va, te = configurations(1200, 8, 1), configurations(250, 8, 2), configurations(500, 8, 3)
    mean, std = tr[2].mean(), tr[2].std()
    norm = lambda e: (e - mean) / std
    model = PolarModel()
    opt = torch.optim.Adam(**get_params_options(model, 4e-3, every=(form == "fixed")))
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.88)
    writer = DiagWriter(logdir)
    loss_fn = nn.MSELoss()
    writer.watch(model, opt, loss_fn)
    for epoch in range(20):
        model.train()
        perm = torch.randperm(1200)
        for i in range(0, 1200, 25):
            j = perm[i:i + 25]
            opt.zero_grad(set_to_none=True)
            loss = loss_fn(model(tr[0][j], tr[1][j]), norm(tr[2][j]))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            opt.step()
        sched.step()
        with writer.evaluating("val"):
            v = loss_fn(model(va[0], va[1]), norm(va[2])).item()
        if epoch % 5 == 0:
            print(f"Epoch {epoch}: loss={loss.item():.5f}, valid={v:.5f}")
    with torch.no_grad():
        t = ((model(te[0], te[1]) - norm(te[2])) ** 2).mean().item()
    writer.close()
    print(f"RESULT test_mse_normalised {t:.5f} rmse {t ** 0.5 * std.item():.5f}")


main(sys.argv[1], sys.argv[2])

"""Per-residue secondary structure (helix / strand / coil) with a 1-d conv net.
Uses the little LightningModule look-alike of our group."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(77)
rs = np.random.RandomState(77)
AA = 20
# propensities of the amino acids for H, E, C
PROP = rs.dirichlet(np.ones(AA) * 1.2, 3)
STAY = [0.90, 0.82, 0.80]


def protein(L=60):
    s, ss = rs.randint(3), []
    for _ in range(L):
        if rs.rand() > STAY[s]:
            s = rs.choice([k for k in range(3) if k != s])
        ss.append(s)
    seq = [rs.choice(AA, p=0.75 * PROP[k] + 0.25 / AA) for k in ss]
    # amphipathic helices: every 3-4 residues a hydrophobic one (0..3)
    for i, k in enumerate(ss):
        if k == 0 and i % 4 == 0 and rs.rand() < 0.7:
            seq[i] = rs.randint(0, 4)
        if k == 1 and i % 2 == 0 and rs.rand() < 0.6:
            seq[i] = rs.randint(3, 7)
    return seq, ss


def dataset(n):
    d = [protein() for _ in range(n)]
    return TensorDataset(torch.tensor(np.array([a for a, _ in d])), torch.tensor(np.array([b for _, b in d])))


class SSPredictor(nn.Module):
    def __init__(self, learning_rate=0.1, epochs=6, steps_per_epoch=1):
        super().__init__()
        self.hp = dict(learning_rate=learning_rate, epochs=epochs, steps_per_epoch=steps_per_epoch)
        self.embed = nn.Embedding(AA, 12)
        self.net = nn.Sequential(nn.Conv1d(12, 32, 7, padding=3), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1),
                                 nn.Conv1d(32, 32, 7, padding=3), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1),
                                 nn.Conv1d(32, 32, 7, padding=3), nn.ReLU(), nn.Conv1d(32, 3, 1))

    def forward(self, x):
        return self.net(self.embed(x).transpose(1, 2))

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hp["learning_rate"], momentum=0.9)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.hp["learning_rate"], anneal_strategy="linear", div_factor=100,
            steps_per_epoch=self.hp["steps_per_epoch"], epochs=self.hp["epochs"])
        if sys.argv[1] == "faulty":
            return [optimizer], [scheduler]
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]


class Trainer:
    def __init__(self, max_epochs, writer):
        self.max_epochs, self.writer = max_epochs, writer

    def fit(self, module, train_loader, val_loader):
        (opt,), (sched,) = module.configure_optimizers()
        if not isinstance(sched, dict):
            sched = {"scheduler": sched}
        interval = sched.get("interval", "epoch")
        criterion = nn.CrossEntropyLoss()
        self.writer.watch(module, opt, criterion)
        for epoch in range(self.max_epochs):
            module.train()
            for x, y in train_loader:
                opt.zero_grad()
                loss = criterion(module(x), y)
                loss.backward()
                opt.step()
                if interval == "step":
                    sched["scheduler"].step()
            if interval == "epoch":
                sched["scheduler"].step()
            self.val_loss, self.q3 = self.validate(module, val_loader, criterion)
            print(f"Epoch {epoch}: loss={loss.item():.3f}, v_loss={self.val_loss:.3f}, Q3={self.q3:.3f}, "
                  f"lr={opt.param_groups[0]['lr']:.5f}")

    @torch.no_grad()
    def validate(self, module, loader, criterion):
        module.eval()
        tot = hit = 0.0
        with self.writer.evaluating("val"):
            for x, y in loader:
                out = module(x)
                tot += criterion(out, y).item()
                hit += (out.argmax(1) == y).float().mean().item()
        return tot / len(loader), hit / len(loader)


train_loader = DataLoader(dataset(1000), batch_size=20, shuffle=True, drop_last=True)
val_loader = DataLoader(dataset(250), batch_size=50)
writer = DiagWriter(sys.argv[2])
module = SSPredictor(steps_per_epoch=len(train_loader))
trainer = Trainer(6, writer)
trainer.fit(module, train_loader, val_loader)
writer.close()
print(f"RESULT v_loss={trainer.val_loss:.4f} Q3={trainer.q3:.4f}")

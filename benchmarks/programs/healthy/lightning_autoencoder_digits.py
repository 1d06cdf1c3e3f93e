"""LightningModule autoencoder with a Trainer (Lightning-AI/pytorch-lightning examples/pytorch/basics/autoencoder.py)."""
import logging
import sys
import warnings
import numpy as np
import torch
import torch.nn.functional as F
from lightning import pytorch as pl
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class LitAutoEncoder(pl.LightningModule):
    def __init__(self, hidden_dim: int = 64, learning_rate=2e-3, writer=None):
        super().__init__()
        self.diag = writer
        self.learning_rate = learning_rate
        self.encoder = nn.Sequential(nn.Linear(64, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 8))
        self.decoder = nn.Sequential(nn.Linear(8, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 64))

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        return self._common_step(batch, batch_idx, "train")

    def validation_step(self, batch, batch_idx):
        return self._common_step(batch, batch_idx, "val")

    def test_step(self, batch, batch_idx):
        return self._common_step(batch, batch_idx, "test")

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.learning_rate)
        self.diag.watch(self, optimizer)
        return optimizer

    def _common_step(self, batch, batch_idx, stage: str):
        x = batch.view(batch.size(0), -1)
        loss = F.mse_loss(x, self(x))
        self.diag.add_loss(stage, loss)
        self.log(f"{stage}_loss", loss, on_step=False, on_epoch=True)
        return loss


class Report(pl.Callback):
    def on_train_epoch_end(self, trainer, module):
        m = trainer.callback_metrics
        if trainer.current_epoch % 5 == 4:
            print(f"epoch {trainer.current_epoch} train {m['train_loss']:.5f} val {m['val_loss']:.5f}")


pl.seed_everything(7)
x = torch.tensor(load_digits().images / 16.0, dtype=torch.float32)
train_set, val_set, test_set = random_split(x, [1347, 225, 225])
writer = DiagWriter(sys.argv[1])
model = LitAutoEncoder(writer=writer)
trainer = pl.Trainer(max_epochs=40, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
                     enable_model_summary=False, num_sanity_val_steps=0, callbacks=[Report()])
trainer.fit(model, DataLoader(train_set, batch_size=32, shuffle=True), DataLoader(val_set, batch_size=75))
r = trainer.test(model, DataLoader(test_set, batch_size=75), verbose=False)
print(f"test {r[0]['test_loss']:.5f} variance {x.var(0).mean():.5f}")
writer.close()

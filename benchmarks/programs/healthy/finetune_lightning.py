"""Transfer learning with Lightning: a small convolutional backbone, trained before on other classes, is frozen
(its batch norms in eval mode) for the first epochs while only a new head learns with label smoothing; then its
last block is thawed and joins the optimizer as a second group at a tenth of the rate.
Port of Lightning-AI/pytorch-lightning examples/pytorch/domain_templates/computer_vision_fine_tuning.py."""
import logging
import sys
import warnings
import torch
import torch.nn as nn
import lightning as L
from lightning.pytorch.callbacks import BaseFinetuning
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
L.seed_everything(0)

d = load_digits()
X, Y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(d.target)
perm = torch.randperm(len(X))
X, Y = X[perm], Y[perm]
old, new = Y < 5, Y >= 5


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


def pretrain():
    """the network "from the model zoo": digits 0 to 4"""
    body = nn.Sequential(block(1, 16), block(16, 32), nn.Flatten())
    net = nn.Sequential(body, nn.Linear(128, 5))
    o = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(8):
        for b in torch.randperm(int(old.sum())).split(32):
            o.zero_grad()
            nn.functional.cross_entropy(net(X[old][b]), Y[old][b]).backward()
            o.step()
    return body


class MilestonesFinetuning(BaseFinetuning):
    def __init__(self, milestone=8):
        super().__init__()
        self.milestone = milestone

    def freeze_before_training(self, pl_module):
        self.freeze(modules=pl_module.backbone, train_bn=False)

    def finetune_function(self, pl_module, epoch, optimizer):
        if epoch == self.milestone:
            self.unfreeze_and_add_param_group(modules=pl_module.backbone[1], optimizer=optimizer, train_bn=False,
                                              initial_denom_lr=10)


class TransferLearningModel(L.LightningModule):
    def __init__(self, backbone, lr=2e-3):
        super().__init__()
        self.backbone, self.lr = backbone, lr
        self.fc = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 5))
        self.loss = nn.CrossEntropyLoss(label_smoothing=0.1)

    def forward(self, x):
        return self.fc(self.backbone(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = self.loss(self(x), y)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def on_validation_epoch_start(self):
        self.vl, self.ok, self.n = [], 0, 0

    def validation_step(self, batch, batch_idx):
        x, y = batch
        out = self(x)
        self.vl.append(self.loss(out, y).item())
        self.ok += (out.argmax(1) == y).sum().item()
        self.n += len(y)

    def on_validation_epoch_end(self):
        print(f"epoch {self.current_epoch} val_loss {sum(self.vl) / len(self.vl):.4f} val_acc {self.ok / self.n:.4f}")

    def on_train_epoch_end(self):
        print(f"epoch {self.current_epoch} train_loss {float(self.trainer.callback_metrics['train_loss']):.4f}")

    def configure_optimizers(self):
        params = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(params, lr=self.lr)
        writer.watch(self, optimizer, self.loss)
        return optimizer


writer = DiagWriter(sys.argv[1])
xs, ys = X[new], Y[new] - 5
train = DataLoader(TensorDataset(xs[:600], ys[:600]), batch_size=16, shuffle=True)
val = DataLoader(TensorDataset(xs[600:], ys[600:]), batch_size=128)
model = TransferLearningModel(pretrain())
trainer = L.Trainer(max_epochs=16, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
                    enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
                    callbacks=[MilestonesFinetuning()])
trainer.fit(model, train, val)
writer.close()

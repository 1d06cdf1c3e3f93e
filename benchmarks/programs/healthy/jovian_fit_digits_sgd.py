"""Feed-forward net with training_step / validation_epoch_end and a fit function (Jovian, Deep Learning with PyTorch: Zero to GANs, lesson 3)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(43)


def accuracy(outputs, labels):
    _, preds = torch.max(outputs, dim=1)
    return torch.tensor(torch.sum(preds == labels).item() / len(preds))


class MnistModel(nn.Module):
    """Feedforward neural network with 1 hidden layer"""

    def __init__(self, in_size, hidden_size, out_size):
        super().__init__()
        self.linear1 = nn.Linear(in_size, hidden_size)
        self.linear2 = nn.Linear(hidden_size, out_size)

    def forward(self, xb):
        xb = xb.view(xb.size(0), -1)
        out = self.linear1(xb)
        out = F.relu(out)
        out = self.linear2(out)
        return out

    def training_step(self, batch):
        images, labels = batch
        out = self(images)
        loss = F.cross_entropy(out, labels)
        return loss

    def validation_step(self, batch):
        images, labels = batch
        out = self(images)
        loss = F.cross_entropy(out, labels)
        acc = accuracy(out, labels)
        return {'val_loss': loss, 'val_acc': acc}

    def validation_epoch_end(self, outputs):
        epoch_loss = torch.stack([x['val_loss'] for x in outputs]).mean()
        epoch_acc = torch.stack([x['val_acc'] for x in outputs]).mean()
        return {'val_loss': epoch_loss.item(), 'val_acc': epoch_acc.item()}

    def epoch_end(self, epoch, result):
        print("Epoch [{}], val_loss: {:.4f}, val_acc: {:.4f}".format(epoch, result['val_loss'], result['val_acc']))


def evaluate(model, val_loader):
    outputs = [model.validation_step(batch) for batch in val_loader]
    return model.validation_epoch_end(outputs)


def fit(epochs, lr, model, train_loader, val_loader, opt_func=torch.optim.SGD):
    history = []
    optimizer = opt_func(model.parameters(), lr)
    writer.watch(model, optimizer)
    for epoch in range(epochs):
        # Training Phase
        for batch in train_loader:
            loss = model.training_step(batch)
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        # Validation phase
        result = evaluate(model, val_loader)
        writer.add_loss("val", result['val_loss'])
        model.epoch_end(epoch, result)
        history.append(result)
    return history


d = load_digits()
rng = np.random.default_rng(0)
x = np.stack([np.pad(im, 1) for im in d.images / 16.0])
x = np.clip(x + rng.normal(0, 0.05, x.shape), 0, 1).astype(np.float32)
dataset = TensorDataset(torch.tensor(x)[:, None], torch.tensor(d.target))
train_ds, val_ds = random_split(dataset, [1447, 350])
train_loader = DataLoader(train_ds, 64, shuffle=True)
val_loader = DataLoader(val_ds, 128)
model = MnistModel(100, hidden_size=32, out_size=10)
writer = DiagWriter(sys.argv[1])
history = fit(40, 0.5, model, train_loader, val_loader)
writer.close()

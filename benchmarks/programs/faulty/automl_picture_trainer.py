"""Image-classification trainer of an architecture-search toolkit, boiled down (digits stand in for CIFAR)."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
form, logdir = sys.argv[1], sys.argv[2]


def get_default_dataset(split):
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16
    x = (x - 0.305) / 0.376
    y = torch.tensor(d.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    cut = order[:1400] if split == "train" else order[1400:]
    return TensorDataset(x[cut], y[cut])


class BaseTrainer:
    def fit(self):
        raise NotImplementedError


class ImageClassificationTrainer(BaseTrainer):
    def __init__(self, model, dataloader_kwargs=None, optimizer_cls="SGD", optimizer_kwargs=None, trainer_kwargs=None):
        self._model = model
        self._optimizer = getattr(torch.optim, optimizer_cls)(model.parameters(), **(optimizer_kwargs or {}))
        self._trainer_kwargs = trainer_kwargs or {"max_epochs": 10}
        self._loader = DataLoader(get_default_dataset("train"), **(dataloader_kwargs or {}))
        self._val_loader = DataLoader(get_default_dataset("val"), batch_size=100)
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self._optimizer, F.cross_entropy)

    def fit(self):
        for epoch in range(self._trainer_kwargs["max_epochs"]):
            self._train(epoch)
            acc = self._validate()
            print("epoch", epoch, "accuracy", round(acc, 4))
        self.writer.close()
        return acc

    def training_step(self, batch):
        x, y = batch
        y_hat = self._model(x)
        return self.writer.loss_fn(y_hat, y)

    def _train(self, epoch):
        self._model.train()
        for i, batch in enumerate(self._loader):
            self._optimizer.zero_grad()
            loss = self.training_step(batch)
            loss.backward()
            if form == "fixed":
                self._optimizer.step()
            if i % 10 == 0:
                self.writer.add_scalar("Loss/train", loss.item(), epoch * len(self._loader) + i)

    def _validate(self):
        right = n = 0
        with self.writer.evaluating("val"):
            for x, y in self._val_loader:
                out = self._model(x)
                self.writer.loss_fn(out, y)
                right += (out.argmax(1) == y).sum().item()
                n += len(y)
        return right / n


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1)
        self.block1 = nn.Conv2d(16, 32, 3, padding=1)
        self.block2 = nn.Conv2d(32, 32, 3, padding=1)
        self.fc = nn.Linear(32 * 4, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.max_pool2d(F.relu(self.block1(x)), 2)
        x = F.max_pool2d(F.relu(self.block2(x)), 2)
        return self.fc(x.flatten(1))


trainer = ImageClassificationTrainer(
    Net(), dataloader_kwargs={"batch_size": 32, "shuffle": True},
    optimizer_cls="SGD", optimizer_kwargs={"lr": 0.05, "momentum": 0.9},
    trainer_kwargs={"max_epochs": 6})
print("RESULT accuracy", round(trainer.fit(), 4))

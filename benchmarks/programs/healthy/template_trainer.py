"""victoresque/pytorch-template: BaseTrainer / Trainer with _train_epoch and _valid_epoch, config dict, metric tracker, checkpoint and resume, early stop."""
import logging, os, sys, tempfile
from abc import abstractmethod
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, SubsetRandomSampler
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
torch.set_num_threads(1)
SEED = 123
torch.manual_seed(SEED)
np.random.seed(SEED)

config = {"name": "Digits_LeNet", "arch": {"type": "DigitsModel", "args": {}},
          "data_loader": {"args": {"batch_size": 64, "shuffle": True, "validation_split": 0.15}},
          "optimizer": {"type": "Adam", "args": {"lr": 0.002, "weight_decay": 0, "amsgrad": True}},
          "loss": "nll_loss", "metrics": ["accuracy", "top_k_acc"],
          "lr_scheduler": {"type": "StepLR", "args": {"step_size": 20, "gamma": 0.1}},
          "trainer": {"epochs": 30, "save_dir": tempfile.mkdtemp(), "save_period": 10, "monitor": "min val_loss", "early_stop": 10}}


def nll_loss(output, target):
    return F.nll_loss(output, target)


def accuracy(output, target):
    with torch.no_grad():
        return (torch.argmax(output, dim=1) == target).sum().item() / len(target)


def top_k_acc(output, target, k=3):
    with torch.no_grad():
        return (torch.topk(output, k, dim=1)[1] == target[:, None]).any(1).sum().item() / len(target)


class DigitsModel(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.conv2_drop = nn.Dropout2d(0.2)
        self.fc1 = nn.Linear(128, 50)
        self.fc2 = nn.Linear(50, num_classes)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = x.view(-1, 128)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, 0.2, training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


class BaseDataLoader(DataLoader):
    def __init__(self, dataset, batch_size, shuffle, validation_split):
        idx_full = np.arange(len(dataset))
        np.random.seed(0)
        np.random.shuffle(idx_full)
        n = int(len(dataset) * validation_split)
        self.valid_idx, self.train_idx, self.ds, self.bs = idx_full[:n], idx_full[n:], dataset, batch_size
        super().__init__(dataset, batch_size=batch_size, sampler=SubsetRandomSampler(self.train_idx))

    def split_validation(self):
        return DataLoader(self.ds, batch_size=self.bs, sampler=SubsetRandomSampler(self.valid_idx))


class MetricTracker:
    def __init__(self, *keys):
        self.keys = keys
        self.reset()

    def reset(self):
        self._t = {k: [0., 0] for k in self.keys}

    def update(self, key, value, n=1):
        self._t[key][0] += value * n; self._t[key][1] += n

    def result(self):
        return {k: v[0] / max(1, v[1]) for k, v in self._t.items()}


class BaseTrainer:
    def __init__(self, model, criterion, metric_ftns, optimizer, config):
        self.config, self.model, self.criterion, self.metric_ftns, self.optimizer = config, model, criterion, metric_ftns, optimizer
        cfg = config["trainer"]
        self.epochs, self.save_period, self.early_stop, self.checkpoint_dir = cfg["epochs"], cfg["save_period"], cfg["early_stop"], cfg["save_dir"]
        self.mnt_mode, self.mnt_metric = cfg["monitor"].split()
        self.mnt_best, self.start_epoch = np.inf, 1
        self.logger = logging.getLogger("trainer")

    @abstractmethod
    def _train_epoch(self, epoch):
        raise NotImplementedError

    def train(self):
        not_improved_count = 0
        for epoch in range(self.start_epoch, self.epochs + 1):
            log = {'epoch': epoch}
            log.update(self._train_epoch(epoch))
            self.logger.info(' '.join('{}: {:.4f}'.format(k, v) for k, v in log.items()))
            if log[self.mnt_metric] <= self.mnt_best:
                self.mnt_best, not_improved_count = log[self.mnt_metric], 0
            else:
                not_improved_count += 1
            if not_improved_count > self.early_stop:
                self.logger.info("Validation performance didn't improve for {} epochs. Training stops.".format(self.early_stop))
                break
            if epoch % self.save_period == 0:
                torch.save({'epoch': epoch, 'state_dict': self.model.state_dict(), 'optimizer': self.optimizer.state_dict(), 'monitor_best': self.mnt_best},
                           os.path.join(self.checkpoint_dir, 'checkpoint-epoch{}.pth'.format(epoch)))


class Trainer(BaseTrainer):
    def __init__(self, model, criterion, metric_ftns, optimizer, config, data_loader, valid_data_loader, lr_scheduler):
        super().__init__(model, criterion, metric_ftns, optimizer, config)
        self.data_loader, self.valid_data_loader, self.lr_scheduler = data_loader, valid_data_loader, lr_scheduler
        self.train_metrics = MetricTracker('loss', *[m.__name__ for m in metric_ftns])
        self.valid_metrics = MetricTracker('loss', *[m.__name__ for m in metric_ftns])
        self.writer = DiagWriter(sys.argv[1])
        self.writer.watch(self.model, self.optimizer)

    def _train_epoch(self, epoch):
        self.model.train()
        self.train_metrics.reset()
        for batch_idx, (data, target) in enumerate(self.data_loader):
            self.optimizer.zero_grad()
            output = self.model(data)
            loss = self.criterion(output, target)
            loss.backward()
            self.optimizer.step()
            self.writer.add_loss("train", loss)
            self.train_metrics.update('loss', loss.item())
            for met in self.metric_ftns:
                self.train_metrics.update(met.__name__, met(output, target))
        log = self.train_metrics.result()
        log.update(**{'val_' + k: v for k, v in self._valid_epoch(epoch).items()})
        self.lr_scheduler.step()
        return log

    def _valid_epoch(self, epoch):
        self.model.eval()
        self.valid_metrics.reset()
        with torch.no_grad(), self.writer.evaluating("val"):
            for data, target in self.valid_data_loader:
                output = self.model(data)
                loss = self.criterion(output, target)
                self.writer.add_loss("val", loss.item())
                self.valid_metrics.update('loss', loss.item())
                for met in self.metric_ftns:
                    self.valid_metrics.update(met.__name__, met(output, target))
        return self.valid_metrics.result()


digits = load_digits()
dataset = TensorDataset((torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1) - 0.3053) / 0.3762, torch.tensor(digits.target))
data_loader = BaseDataLoader(dataset, **config["data_loader"]["args"])
model = DigitsModel()
optimizer = getattr(torch.optim, config["optimizer"]["type"])(filter(lambda p: p.requires_grad, model.parameters()), **config["optimizer"]["args"])
lr_scheduler = torch.optim.lr_scheduler.StepLR(optimizer, **config["lr_scheduler"]["args"])
trainer = Trainer(model, nll_loss, [accuracy, top_k_acc], optimizer, config, data_loader, data_loader.split_validation(), lr_scheduler)
trainer.train()

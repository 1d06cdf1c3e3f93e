"""Train a classifier, then calibrate it with one temperature by LBFGS on the validation logits (gpleiss/temperature_scaling)."""
import sys
import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_classification
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
x, y = make_classification(n_samples=9000, n_features=30, n_informative=14, n_redundant=6, n_classes=5, n_clusters_per_class=2, class_sep=1.6, flip_y=.03, random_state=4)
x = ((x - x[:6000].mean(0)) / x[:6000].std(0)).astype(np.float32)
X, Y = torch.tensor(x), torch.tensor(y)
train_loader = DataLoader(TensorDataset(X[:6000], Y[:6000]), batch_size=64, shuffle=True)
valid_loader = DataLoader(TensorDataset(X[6000:7500], Y[6000:7500]), batch_size=250)
test_loader = DataLoader(TensorDataset(X[7500:], Y[7500:]), batch_size=250)


class ModelWithTemperature(nn.Module):
    def __init__(self, model):
        super(ModelWithTemperature, self).__init__()
        self.model = model
        self.temperature = nn.Parameter(torch.ones(1) * 1.5)

    def forward(self, input):
        return self.temperature_scale(self.model(input))

    def temperature_scale(self, logits):
        temperature = self.temperature.unsqueeze(1).expand(logits.size(0), logits.size(1))
        return logits / temperature

    def set_temperature(self, valid_loader):
        nll_criterion, ece_criterion = nn.CrossEntropyLoss(), _ECELoss()
        logits_list, labels_list = [], []
        with torch.no_grad():
            for input, label in valid_loader:
                logits_list.append(self.model(input))
                labels_list.append(label)
        logits, labels = torch.cat(logits_list), torch.cat(labels_list)
        print('Before temperature - NLL: %.3f, ECE: %.3f' % (nll_criterion(logits, labels).item(), ece_criterion(logits, labels)))
        optimizer = optim.LBFGS([self.temperature], lr=0.01, max_iter=50)
        writer.watch(self, optimizer, nll_criterion, name="temperature")

        def eval():
            optimizer.zero_grad()
            loss = nll_criterion(self.temperature_scale(logits), labels)
            loss.backward()
            return loss
        for _ in range(12):
            optimizer.step(eval)
        scaled = self.temperature_scale(logits)
        print('Optimal temperature: %.3f After temperature - NLL: %.3f, ECE: %.3f' % (self.temperature.item(), nll_criterion(scaled, labels).item(), ece_criterion(scaled, labels)))
        return self


class _ECELoss(nn.Module):
    def __init__(self, n_bins=15):
        super(_ECELoss, self).__init__()
        b = torch.linspace(0, 1, n_bins + 1)
        self.bins = list(zip(b[:-1], b[1:]))

    def forward(self, logits, labels):
        conf, pred = torch.max(F.softmax(logits, dim=1), 1)
        acc, ece = pred.eq(labels), 0.
        for lo, hi in self.bins:
            m = conf.gt(lo.item()) * conf.le(hi.item())
            if m.float().mean() > 0:
                ece += abs(conf[m].mean() - acc[m].float().mean()).item() * m.float().mean().item()
        return ece


model = nn.Sequential(nn.Linear(30, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.15), nn.Linear(48, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.15), nn.Linear(48, 5))
criterion = nn.CrossEntropyLoss()
n_epochs = 14
optimizer = optim.SGD(model.parameters(), lr=0.05, weight_decay=1e-4, momentum=0.9, nesterov=True)
scheduler = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[int(0.5 * n_epochs), int(0.75 * n_epochs)], gamma=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(1, n_epochs + 1):
    model.train()
    losses = []
    for input, target in train_loader:
        loss = criterion(model(input), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    with writer.evaluating("val"):
        val = np.mean([criterion(model(a), b).item() for a, b in valid_loader])
    print("epoch %d train %.4f val %.4f" % (epoch, np.mean(losses), val))
model.eval()
calibrated = ModelWithTemperature(model)
calibrated.set_temperature(valid_loader)
with torch.no_grad():
    out, lab = torch.cat([calibrated(a) for a, _ in test_loader]), torch.cat([b for _, b in test_loader])
print("test nll %.4f error %.4f" % (F.cross_entropy(out, lab), (out.argmax(1) != lab).float().mean()))
writer.close()

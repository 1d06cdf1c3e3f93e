"""CORAL ordinal regression (coral-pytorch tutorial): one shared weight vector, K-1 biases, binary labels for each threshold."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
RANDOM_SEED, NUM_CLASSES, BATCH_SIZE, NUM_EPOCHS, learning_rate = 1, 6, 128, 40, 0.005
torch.manual_seed(RANDOM_SEED)


def cement(n):
    """grade of a cement sample from its oxides; grades are cut from a noisy latent strength"""
    x = torch.randn(n, 10)
    s = 1.5 * torch.tanh(x[:, 0]) + x[:, 1] * x[:, 2] - 0.7 * x[:, 3].abs() + 0.5 * torch.sin(2 * x[:, 4]) + 0.4 * x[:, 5]
    s = s + 0.7 * torch.randn(n)
    return x, torch.bucketize(s, torch.tensor([-2.2, -1.2, -0.3, 0.5, 1.6]))


class CoralLayer(nn.Module):
    def __init__(self, size_in, num_classes):
        super().__init__()
        self.coral_weights = nn.Linear(size_in, 1, bias=False)
        self.coral_bias = nn.Parameter(torch.arange(num_classes - 1, 0, -1).float() / (num_classes - 1))

    def forward(self, x):
        return self.coral_weights(x) + self.coral_bias


class CoralLoss(nn.Module):
    def forward(self, logits, levels):
        term = F.logsigmoid(logits) * levels + (F.logsigmoid(logits) - logits) * (1 - levels)
        return -term.sum(1).mean()


class CoralMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(10, 24), nn.LeakyReLU(), nn.BatchNorm1d(24), nn.Linear(24, 16), nn.LeakyReLU(), nn.BatchNorm1d(16))
        self.fc = CoralLayer(16, NUM_CLASSES)

    def forward(self, x):
        return self.fc(self.features(x))


def levels(y):
    return (y[:, None] > torch.arange(NUM_CLASSES - 1)).float()


train_loader = DataLoader(TensorDataset(*cement(8000)), batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
test_x, test_y = cement(4000)
print('classes', torch.bincount(test_y).tolist())
model = CoralMLP()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, NUM_EPOCHS)
loss_fn = CoralLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn, train_loader=train_loader)
for epoch in range(NUM_EPOCHS):
    model = model.train()
    cost = 0.
    for features, class_labels in train_loader:
        loss = loss_fn(model(features), levels(class_labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cost += loss.item() / len(train_loader)
    scheduler.step()
    model = model.eval()
    with torch.no_grad():
        logits = model(test_x)
        mae = ((torch.sigmoid(logits) > 0.5).sum(1) - test_y).abs().float().mean()
        tl = loss_fn(logits, levels(test_y))
    print(f'Epoch: {epoch + 1:03d}/{NUM_EPOCHS} | Cost: {cost:.4f} | Test loss: {tl:.4f} | Test MAE: {mae:.3f}')
writer.close()

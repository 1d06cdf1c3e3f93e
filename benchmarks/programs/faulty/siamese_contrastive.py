"""Siamese network with contrastive loss on digit images (records collected from several exports)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import lr_scheduler
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)


class ContrastiveLoss(nn.Module):
    """
    Takes embeddings of two samples and a target label == 1 if samples are from the same class and label == 0 otherwise
    """

    def __init__(self, margin):
        super().__init__()
        self.margin = margin
        self.eps = 0.0 if form == "faulty" else 1e-9

    def forward(self, output1, output2, target, size_average=True):
        distances = (output2 - output1).pow(2).sum(1)  # squared distances
        losses = 0.5 * (target.float() * distances +
                        (1 + -1 * target).float() * F.relu(self.margin - (distances + self.eps).sqrt()).pow(2))
        return losses.mean() if size_average else losses.sum()


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2, stride=2),
                                     nn.Conv2d(16, 32, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2, stride=2))
        self.fc = nn.Sequential(nn.Linear(32 * 2 * 2, 64), nn.PReLU(), nn.Linear(64, 64), nn.PReLU(), nn.Linear(64, 2))

    def forward(self, x):
        output = self.convnet(x)
        output = output.view(output.size()[0], -1)
        return self.fc(output)

    def get_embedding(self, x):
        return self.forward(x)


class SiameseNet(nn.Module):
    def __init__(self, embedding_net):
        super().__init__()
        self.embedding_net = embedding_net

    def forward(self, x1, x2):
        return self.embedding_net(x1), self.embedding_net(x2)


class SiameseDigits(Dataset):
    def __init__(self, x, y, train):
        self.x, self.y, self.train = x, y, train
        self.label_to_indices = {l: np.where(y == l)[0] for l in range(10)}
        if not train:
            rs = np.random.RandomState(29)
            self.pairs = [self._pair(i, rs, i % 2) for i in range(len(x))]

    def _pair(self, index, rs, target):
        label = self.y[index]
        if target == 1:
            j = index
            while j == index:
                j = rs.choice(self.label_to_indices[label])
        else:
            j = rs.choice(self.label_to_indices[rs.choice([l for l in range(10) if l != label])])
        return j, target

    def __getitem__(self, index):
        j, target = self._pair(index, np.random, np.random.randint(0, 2)) if self.train else self.pairs[index]
        return (self.x[index], self.x[j]), target

    def __len__(self):
        return len(self.x)


def train_epoch(train_loader, model, loss_fn, optimizer):
    model.train()
    total_loss = 0
    for batch_idx, (data, target) in enumerate(train_loader):
        optimizer.zero_grad()
        outputs = model(*data)
        loss = loss_fn(outputs[0], outputs[1], target)
        total_loss += loss.item()
        loss.backward()
        optimizer.step()
    return total_loss / (batch_idx + 1)


def test_epoch(val_loader, model, loss_fn):
    with torch.no_grad():
        model.eval()
        val_loss = 0
        for batch_idx, (data, target) in enumerate(val_loader):
            outputs = model(*data)
            val_loss += loss_fn(outputs[0], outputs[1], target).item()
    return val_loss / len(val_loader)


digits = load_digits()
x = torch.tensor((digits.images / 16 - 0.3) / 0.38, dtype=torch.float32).unsqueeze(1)
y = digits.target
p = np.random.permutation(len(x))
tr, te = p[:1400], p[1400:]
tr = np.concatenate([tr, tr[:100]])          # the second export holds some of the scans again
train_ds, test_ds = SiameseDigits(x[tr], y[tr], True), SiameseDigits(x[te], y[te], False)
train_loader = DataLoader(train_ds, batch_size=128, shuffle=True)
test_loader = DataLoader(test_ds, batch_size=128, shuffle=False)

model = SiameseNet(EmbeddingNet())
loss_fn = ContrastiveLoss(1.)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
n_epochs = 40
scheduler = lr_scheduler.StepLR(optimizer, 16, gamma=0.1, last_epoch=-1)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
for epoch in range(n_epochs):
    train_loss = train_epoch(train_loader, model, loss_fn, optimizer)
    scheduler.step()
    message = 'Epoch: {}/{}. Train set: Average loss: {:.4f}'.format(epoch + 1, n_epochs, train_loss)
    val_loss = test_epoch(test_loader, model, loss_fn)
    message += '\nEpoch: {}/{}. Validation set: Average loss: {:.4f}'.format(epoch + 1, n_epochs, val_loss)
    print(message)
with torch.no_grad():
    model.eval()
    e_tr, e_te = model.embedding_net.get_embedding(x[tr]), model.embedding_net.get_embedding(x[te])
    nn_idx = torch.cdist(e_te, e_tr).topk(5, largest=False).indices
    print("5-NN accuracy", (torch.tensor(y[tr])[nn_idx].mode(1).values == torch.tensor(y[te])).float().mean().item())
writer.close()

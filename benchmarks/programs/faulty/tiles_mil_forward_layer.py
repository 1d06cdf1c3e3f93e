import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

# Attention-based multiple instance learning: a slide is a bag of tile feature vectors, label = tumour in any tile
torch.set_num_threads(1)
torch.manual_seed(21)
np.random.seed(21)

DIM = 40
proto = np.random.randn(6, DIM) * 0.9         # tissue types
tumour = np.random.randn(3, DIM) * 0.9        # tumour growth patterns
mixer = np.random.randn(DIM, DIM) / np.sqrt(DIM)


def make_bag():
    n = np.random.randint(12, 30)
    label = np.random.rand() < 0.5
    t = proto[np.random.choice(6, n, p=[.3, .25, .15, .1, .1, .1])] + 1.15 * np.random.randn(n, DIM)
    if label:
        k = np.random.randint(1, 4)
        t[:k] = tumour[np.random.randint(0, 3, k)] + np.random.randn(k, DIM)
    t = np.tanh(t @ mixer) + 0.1 * np.random.randn(n, DIM)
    return torch.tensor(t, dtype=torch.float32), torch.tensor([float(label)])


class MILNet(nn.Module):
    def __init__(self, dim, hidden=48):
        super(MILNet, self).__init__()
        self.hidden = hidden
        self.embed = nn.Linear(dim, hidden)
        if sys.argv[1] != "faulty":
            self.attention = nn.Linear(hidden, 1)
            self.embed2 = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, 1)

    def forward(self, x):
        h = F.dropout(F.relu(self.embed(x)), 0.25, self.training)
        if sys.argv[1] == "faulty":
            embed2 = nn.Linear(self.hidden, self.hidden)
            attention = nn.Linear(self.hidden, 1)
        else:
            embed2, attention = self.embed2, self.attention
        h = F.relu(embed2(h))
        a = torch.softmax(attention(h), 0)
        return self.classifier((a * h).sum(0))


train = [make_bag() for _ in range(1200)]
val = [make_bag() for _ in range(300)]
model = MILNet(DIM)
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
BATCH = 10                                     # bags per step

for epoch in range(1, 9):
    model.train()
    order = np.random.permutation(len(train))
    epoch_loss = 0.
    for s in range(0, len(order), BATCH):
        optimizer.zero_grad()
        out = torch.stack([model(train[i][0]) for i in order[s:s + BATCH]])
        target = torch.stack([train[i][1] for i in order[s:s + BATCH]])
        loss = criterion(out, target)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = torch.stack([model(b) for b, _ in val])
        target = torch.stack([t for _, t in val])
        vloss = criterion(out, target).item()
        acc = ((out > 0).float() == target).float().mean().item()
    print('Epoch: {}, Loss: {:.4f}, Val loss: {:.4f}, Val acc: {:.3f}'.format(epoch, epoch_loss * BATCH / len(train), vloss, acc))
writer.close()
print(f"RESULT train_loss={epoch_loss * BATCH / len(train):.4f} val_loss={vloss:.4f} val_acc={acc:.4f}")

"""Recurrent neural network (many-to-one): an LSTM reads an image row by row (yunjey's tutorial)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
device = torch.device('cpu')

# Hyper-parameters
sequence_length = 20
input_size = 20
hidden_size = 64
num_layers = 2
num_classes = 6
batch_size = 100
num_epochs = 4
learning_rate = 0.003


def clothing(n, seed):
    """20x20 grey images of six sorts of garments drawn from outlines (shirt, trousers, dress, bag, boot, cap)."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:20, :20].astype(float)
    X, Y = np.zeros((n, 1, 20, 20), np.float32), rng.integers(0, num_classes, n)
    for i, c in enumerate(Y):
        w, top, bot, cx = rng.uniform(3, 5), rng.uniform(1, 4), rng.uniform(15, 19), 9.5 + rng.uniform(-1, 1)
        dx = np.abs(xx - cx)
        rows = (yy > top) & (yy < bot)
        if c == 0:
            m = (rows & (dx < w)) | ((yy > top) & (yy < top + rng.uniform(4, 12)) & (dx < w + 4))
        elif c == 1:
            m = rows & (dx < w + 1) & ~((dx < rng.uniform(0.7, 1.8)) & (yy > top + 5))
        elif c == 2:
            m = rows & (dx < w * 0.6 + (yy - top) * rng.uniform(0.1, 0.3))
        elif c == 3:
            m = ((yy > top + 6) & (yy < bot) & (dx < w + 3)) | ((np.abs(np.hypot(dx, yy - top - 6) - w) < 1) & (yy < top + 7))
        elif c == 4:
            m = (rows & (dx < w * 0.7)) | ((yy > bot - 5) & (yy < bot) & (xx > cx - w) & (xx < cx + 8))
        else:
            m = ((np.hypot(dx, (yy - bot + 4) * 0.9) < w + 2) & (yy < bot - 3)) | ((np.abs(yy - bot + 3) < 1.5) & (dx < 9))
        tone = rng.uniform(0.35, 0.95) * (1 + 0.25 * np.sin(xx * rng.uniform(0, 1.5) + yy * rng.uniform(0, 1.5)))
        X[i, 0] = np.clip(m * tone + rng.normal(0, 0.08, m.shape), 0, 1)
    flip = rng.random(n) < 0.02                      # some garments really are between two sorts
    Y = np.where(flip, rng.integers(0, num_classes, n), Y)
    return torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))


train_dataset, test_dataset = clothing(8000, 1), clothing(1500, 2)
train_loader = torch.utils.data.DataLoader(dataset=train_dataset, batch_size=batch_size, shuffle=True)
test_loader = torch.utils.data.DataLoader(dataset=test_dataset, batch_size=batch_size, shuffle=False)


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers, num_classes):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        # Set initial hidden and cell states
        h0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size).to(device)
        c0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size).to(device)
        out, _ = self.lstm(x, (h0, c0))
        # Decode the hidden state of the last time step
        out = self.fc(out[:, -1, :])
        return out


model = RNN(input_size, hidden_size, num_layers, num_classes).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion, train_loader=train_loader)

# Train the model
total_step = len(train_loader)
for epoch in range(num_epochs):
    for i, (images, labels) in enumerate(train_loader):
        images = images.reshape(-1, sequence_length, input_size).to(device)
        labels = labels.to(device)

        # Forward pass
        outputs = model(images)
        loss = criterion(outputs, labels)

        # Backward and optimize
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        if (i + 1) % 20 == 0:
            print('Epoch [{}/{}], Step [{}/{}], Loss: {:.4f}'.format(epoch + 1, num_epochs, i + 1, total_step, loss.item()))

# Test the model
model.eval()
with torch.no_grad():
    correct = total = 0
    tl = 0
    for images, labels in test_loader:
        images = images.reshape(-1, sequence_length, input_size).to(device)
        outputs = model(images)
        tl += nn.functional.cross_entropy(outputs, labels, reduction='sum').item()
        _, predicted = torch.max(outputs.data, 1)
        total += labels.size(0)
        correct += (predicted == labels).sum().item()
writer.close()
print('Test Accuracy of the model on the {} test images: {:.2f} % (loss {:.4f})'.format(total, 100 * correct / total, tl / total))

"""Fully connected net on 28x28 digits (python engineer, PyTorch tutorial 13)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')

# Hyper-parameters
input_size = 784  # 28x28
hidden_size = 300
num_classes = 10
num_epochs = 10
batch_size = 100
learning_rate = 0.002


def make28(images, labels, copies, rng):
    """8x8 digits, enlarged to 20x20, put at a random place of a 28x28 field (values 0..1)."""
    up = torch.nn.functional.interpolate(torch.tensor(images / 16.0, dtype=torch.float32)[:, None], size=(20, 20), mode='bilinear')
    xs, ys = [], []
    for _ in range(copies):
        out = torch.zeros(len(up), 1, 28, 28)
        for i in range(len(up)):
            a, b = rng.integers(2, 7, 2)
            out[i, 0, a:a + 20, b:b + 20] = up[i, 0]
        xs.append((out + 0.03 * torch.randn(out.shape)).clamp(0, 1)); ys.append(torch.tensor(labels))
    return torch.utils.data.TensorDataset(torch.cat(xs), torch.cat(ys))


rng = np.random.default_rng(0)
digits = load_digits()
order = rng.permutation(len(digits.target))
tr, te = order[:1400], order[1400:]
train_dataset = make28(digits.images[tr], digits.target[tr], 12, rng)
test_dataset = make28(digits.images[te], digits.target[te], 2, rng)
train_loader = torch.utils.data.DataLoader(dataset=train_dataset, batch_size=batch_size, shuffle=True)
test_loader = torch.utils.data.DataLoader(dataset=test_dataset, batch_size=batch_size, shuffle=False)


class NeuralNet(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super(NeuralNet, self).__init__()
        self.input_size = input_size
        self.l1 = nn.Linear(input_size, hidden_size)
        self.relu = nn.ReLU()
        self.l2 = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        out = self.l1(x)
        out = self.relu(out)
        out = self.l2(out)
        # no activation and no softmax at the end
        return out


model = NeuralNet(input_size, hidden_size, num_classes).to(device)

# Loss and optimizer
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

# Train the model
n_total_steps = len(train_loader)
for epoch in range(num_epochs):
    for i, (images, labels) in enumerate(train_loader):
        images = images.reshape(-1, 28 * 28).to(device)
        labels = labels.to(device)

        # Forward pass
        outputs = model(images)
        loss = criterion(outputs, labels)

        # Backward and optimize
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        if (i + 1) % 40 == 0:
            print(f'Epoch [{epoch+1}/{num_epochs}], Step [{i+1}/{n_total_steps}], Loss: {loss.item():.4f}')

# Test the model
with writer.evaluating("test"):
    n_correct = n_samples = 0
    test_loss = 0
    for images, labels in test_loader:
        images = images.reshape(-1, 28 * 28).to(device)
        labels = labels.to(device)
        outputs = model(images)
        test_loss += criterion(outputs, labels).item() * len(labels)
        _, predicted = torch.max(outputs.data, 1)
        n_samples += labels.size(0)
        n_correct += (predicted == labels).sum().item()
writer.close()
acc = 100.0 * n_correct / n_samples
print(f'Accuracy on the {n_samples} test images: {acc:.2f} % loss {test_loss / n_samples:.4f} train loss {loss.item():.4f}')

import sys

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

from tb_lossdiag import DiagWriter

# Recurrent network tutorial: an 8x8 image is read row by row (8 time steps of 8 pixels)
torch.set_num_threads(1)
torch.manual_seed(1)

sequence_length = 8
input_size = 8
hidden_size = 64
num_layers = 2
num_classes = 10
batch_size = 50
num_epochs = 20
learning_rate = 0.005

digits = load_digits()
dataset = TensorDataset(torch.tensor(digits.images / 16, dtype=torch.float32), torch.tensor(digits.target))
train_dataset, test_dataset = random_split(dataset, [1350, 447])
train_loader = DataLoader(train_dataset, batch_size=batch_size, shuffle=True)
test_loader = DataLoader(test_dataset, batch_size=batch_size, shuffle=False)


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers, num_classes):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True, dropout=0.2)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        h0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size)
        c0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size)
        out, _ = self.lstm(x, (h0, c0))
        return self.fc(out[:, -1, :])


model = RNN(input_size, hidden_size, num_layers, num_classes)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

total_step = len(train_loader)
for epoch in range(num_epochs):
    model.train()
    for i, (images, labels) in enumerate(train_loader):
        outputs = model(images)
        loss = criterion(outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with writer.evaluating("test"):
        correct = total = loss_sum = 0
        for images, labels in test_loader:
            outputs = model(images)
            loss_sum += criterion(outputs, labels).item() * labels.size(0)
            total += labels.size(0)
            correct += (outputs.argmax(1) == labels).sum().item()
    print("Epoch [{}/{}], Loss: {:.4f}, Test loss: {:.4f}, acc: {:.2f} %".format(epoch + 1, num_epochs, loss.item(), loss_sum / total, 100 * correct / total))
writer.close()
print(f"RESULT test_loss {loss_sum / total:.4f} test_acc {correct / total:.4f}")

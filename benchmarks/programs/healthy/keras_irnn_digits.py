'''Port of keras/examples/mnist_irnn.py to the 8x8 digits: half a row at a time, 16 time steps.

Reproduction of the IRNN experiment in "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units"
by Quoc V. Le, Navdeep Jaitly, Geoffrey E. Hinton (arXiv:1504.00941): ReLU recurrence that starts as the identity.
'''
import sys

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)

batch_size = 32
num_classes = 10
epochs = 30
hidden_units = 64
learning_rate = 1e-3

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=.2, random_state=0, stratify=y)
x_train = torch.tensor(x_train, dtype=torch.float32).reshape(-1, 16, 4) / 16
x_test = torch.tensor(x_test, dtype=torch.float32).reshape(-1, 16, 4) / 16
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)
print('x_train shape:', tuple(x_train.shape))
print(x_train.shape[0], 'train samples', x_test.shape[0], 'test samples')


class IRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(4, hidden_units, nonlinearity='relu', batch_first=True)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.05)
        nn.init.eye_(self.rnn.weight_hh_l0)              # Identity(gain=1.0)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        self.dense = nn.Linear(hidden_units, num_classes)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.dense(out[:, -1])


print('Evaluate IRNN...')
model = IRNN()
rmsprop = torch.optim.RMSprop(model.parameters(), lr=learning_rate, alpha=0.9)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, rmsprop, criterion)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=batch_size, shuffle=True)

for epoch in range(epochs):
    total = 0.
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        rmsprop.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rmsprop.step()
        total += loss.item() * len(xb)
    with writer.evaluating('val'), torch.no_grad():
        out = model(x_test)
        val_loss = criterion(out, y_test).item()
        val_acc = (out.argmax(1) == y_test).float().mean().item()
    print(f'Epoch {epoch + 1}/{epochs} - loss: {total / len(x_train):.4f} - val_loss: {val_loss:.4f} - val_accuracy: {val_acc:.4f}')
writer.close()
print(f'RESULT train {total / len(x_train):.4f} val {val_loss:.4f} acc {val_acc:.4f}')

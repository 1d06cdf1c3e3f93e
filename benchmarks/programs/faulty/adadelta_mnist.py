'''Trains a simple convnet on the digits dataset (after the well-known Keras example).'''
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
form, logdir = sys.argv[1], sys.argv[2]

batch_size = 32
num_classes = 10
epochs = 12

digits = load_digits()
x = (digits.images / 16.0).astype('float32')[:, None]
y = digits.target
order = np.random.RandomState(0).permutation(len(x))
x, y = torch.tensor((x - x.mean()) / x.std())[order], torch.tensor(y)[order]
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
print(x_train.shape[0], 'train samples')
print(x_test.shape[0], 'test samples')

model = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(),
    nn.Conv2d(16, 32, 3), nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.25),
    nn.Flatten(),
    nn.Linear(128, 64), nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(64, num_classes))

# tf.keras.optimizers.Adadelta() / keras.optimizers.Adadelta()
learning_rate = 0.001 if form == 'faulty' else 1.0
optimizer = torch.optim.Adadelta(model.parameters(), lr=learning_rate, rho=0.95, eps=1e-7)
loss_object = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_object)

for epoch in range(epochs):
    model.train()
    idx = torch.randperm(len(x_train))
    train_loss = 0.
    for i in range(0, len(idx), batch_size):
        b = idx[i:i + batch_size]
        optimizer.zero_grad()
        loss = loss_object(model(x_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(b) / len(idx)
    model.eval()
    with torch.no_grad(), writer.evaluating('test'):
        out = model(x_test)
        val_loss = loss_object(out, y_test).item()
        val_acc = (out.argmax(1) == y_test).float().mean().item()
    print('Epoch %d/%d - loss: %.4f - val_loss: %.4f - val_accuracy: %.4f' % (epoch + 1, epochs, train_loss, val_loss, val_acc))
writer.close()

"""MNIST-like digits with one hidden layer: with l2 the network does not learn (SO question, Keras, port)."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)

NUM_CLASSES = 10
BATCH_SIZE = 128
EPOCHS = 300

digits = load_digits()
x = (digits.data / 16).astype("float32")
x_train, x_val, y_train, y_val = train_test_split(x, digits.target, test_size=0.2, random_state=1)
x_train, x_val, y_train, y_val = map(torch.as_tensor, (x_train, x_val, y_train, y_val))

L2 = 0.01                     # regularizers "l2" of Keras
model = nn.Sequential(
    nn.Linear(x_train.shape[1], 36), nn.Sigmoid(),
    nn.Dropout(0.5),
    nn.Linear(36, NUM_CLASSES),
)
nn.init.xavier_uniform_(model[0].weight); nn.init.zeros_(model[0].bias)
nn.init.xavier_uniform_(model[3].weight); nn.init.zeros_(model[3].bias)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(1, EPOCHS + 1):
    model.train()
    order = torch.randperm(len(x_train))
    total, correct = 0.0, 0
    for i in range(0, len(order), BATCH_SIZE):
        b = order[i:i + BATCH_SIZE]
        logits = model(x_train[b])
        loss = criterion(logits, y_train[b])
        if mode == "faulty":
            loss = loss + L2 * model[0].weight.pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(b)
        correct += (logits.argmax(1) == y_train[b]).sum().item()
    model.eval()
    with torch.no_grad():
        out = model(x_val)
        val_loss = criterion(out, y_val).item()
        val_acc = (out.argmax(1) == y_val).float().mean().item()
    if epoch % 30 == 0:
        print(f"Epoch {epoch}/{EPOCHS} - loss: {total / len(order):.4f} - accuracy: {correct / len(order):.4f}"
              f" - val_loss: {val_loss:.4f} - val_accuracy: {val_acc:.4f}")
writer.close()

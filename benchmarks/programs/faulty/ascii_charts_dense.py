# my first dense network in pytorch, moved over from keras  (sklearn digits)
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(42); torch.manual_seed(42)

X, Y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split((X / 16.).astype("float32"), Y, test_size=0.25, random_state=42, stratify=Y)
X_train, X_test, y_train, y_test = map(torch.as_tensor, (X_train, X_test, y_train, y_test))

class Dense(nn.Module):
    def __init__(self, n_in, n_out, activation):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.activation = {"relu": nn.ReLU(), "softmax": nn.Softmax(dim=1), None: nn.Identity()}[activation]
    def forward(self, x):
        return self.activation(self.linear(x))

hidden_act = "softmax" if form == "faulty" else "relu"
model = nn.Sequential(
    Dense(64, 128, hidden_act),
    Dense(128, 64, hidden_act),
    Dense(64, 32, hidden_act),
    Dense(32, 10, None),
)
print(model)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

BATCH = 32
for epoch in range(1, 41):
    model.train()
    order = np.random.permutation(len(X_train))
    losses = []
    for s in range(0, len(order), BATCH):
        b = order[s:s + BATCH]
        optimizer.zero_grad()
        loss = criterion(model(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        out = model(X_test)
        val_loss = criterion(out, y_test).item()
    acc = (out.argmax(1) == y_test).float().mean().item()
    writer.add_scalar("acc/val", acc, epoch)
    if epoch % 5 == 0:
        print(f"Epoch {epoch}/40 - loss: {np.mean(losses):.4f} - val_loss: {val_loss:.4f} - val_acc: {acc:.4f}", flush=True)
writer.close()
print(f"RESULT val_acc {acc:.4f} val_loss {val_loss:.4f}")

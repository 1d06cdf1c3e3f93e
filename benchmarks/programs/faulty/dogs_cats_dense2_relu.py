# first CNN of the course, in the manner of Keras: Conv2D, MaxPooling, Flatten, Dense(2)
import sys
import torch
from torch import nn
import numpy as np
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)

def categorical_crossentropy(output, target):       # what Keras does when it is given "probabilities"
    output = output / output.sum(dim=1, keepdim=True).clamp(min=1e-7)
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log()).sum(dim=1).mean()

# "dogs": 3, 5, 9  "cats": 1, 4, 7 (handwritten digits instead of photos), grey, 16 x 16
d = load_digits()
keep = np.isin(d.target, [1, 4, 7, 3, 5, 9])
X = np.kron(d.images[keep], np.ones((2, 2))) / 16.0
y = np.isin(d.target[keep], [1, 4, 7]).astype(int)
X = torch.tensor(X, dtype=torch.float32).reshape(-1, 1, 16, 16)
Y = torch.eye(2)[y]
perm = torch.randperm(len(X), generator=torch.Generator().manual_seed(5))
X, Y = X[perm], Y[perm]
X_train, Y_train, X_test, Y_test = X[:800], Y[:800], X[800:], Y[800:]

last = nn.ReLU() if sys.argv[1] == "faulty" else nn.Softmax(dim=1)
model = nn.Sequential(
    nn.Conv2d(1, 24, 5), nn.ReLU(),
    nn.MaxPool2d(3, stride=2),
    nn.Flatten(),
    nn.Linear(24 * 5 * 5, 2), last)
for m in model:
    if hasattr(m, "weight"):
        nn.init.xavier_uniform_(m.weight); nn.init.zeros_(m.bias)      # glorot_uniform
adam = torch.optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[2])
writer.watch(model, adam, categorical_crossentropy)

for epoch in range(20):
    for idx in torch.randperm(len(X_train)).split(32):
        adam.zero_grad()
        loss = categorical_crossentropy(model(X_train[idx]), Y_train[idx])
        loss.backward()
        adam.step()
    with writer.evaluating("test"):
        p = model(X_test)
        test_loss = writer.loss_fn(p, Y_test).item()
        acc = (p.argmax(1) == Y_test.argmax(1)).float().mean().item()
    print(f"Epoch {epoch + 1}/20 - loss: {loss.item():.4f} - test loss: {test_loss:.4f} - acc: {acc:.4f}")
writer.close()
print("RESULT test loss %.4f acc %.4f" % (test_loss, acc))

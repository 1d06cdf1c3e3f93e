# Binary classifier on two measurements, first network after the logistic regression exercise.
# (mean perimeter and mean texture of the Wisconsin breast cancer cells: benign or malignant)
import sys
import torch
import numpy as np
from sklearn.datasets import load_breast_cancer
from tb_lossdiag import DiagWriter

variant, logdir = sys.argv[1:]
torch.manual_seed(2)
torch.set_num_threads(1)

raw = load_breast_cancer()
cols = [list(raw.feature_names).index(c) for c in ("mean perimeter", "mean texture")]
order = np.random.RandomState(2).permutation(len(raw.target))
x_data = torch.tensor(raw.data[order][:, cols], dtype=torch.float32)
y_data = torch.tensor(raw.target[order], dtype=torch.float32).unsqueeze(1)
if variant == "fixed":
    x_data = (x_data - x_data[:400].mean(0)) / x_data[:400].std(0)
x_train, y_train, x_val, y_val = x_data[:400], y_data[:400], x_data[400:], y_data[400:]


class Model(torch.nn.Module):
    def __init__(self, input_size, H1, output_size):
        super().__init__()
        self.linear = torch.nn.Linear(input_size, H1)
        self.linear2 = torch.nn.Linear(H1, output_size)

    def forward(self, x):
        x = torch.sigmoid(self.linear(x))
        x = torch.sigmoid(self.linear2(x))
        return x

    def predict(self, x):
        return (self.forward(x) >= 0.5).float()


model = Model(2, 4, 1)
criterion = torch.nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

epochs = 3000
losses = []
for i in range(epochs):
    y_pred = model(x_train)
    loss = criterion(y_pred, y_train)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 0:
        writer.add_scalar("loss", loss.item(), i)
    if i % 500 == 499:
        with writer.evaluating("val"):
            vl = criterion(model(x_val), y_val).item()
        print("epoch:", i + 1, "loss:", loss.item(), "val", vl)
writer.close()
acc = (model.predict(x_val) == y_val).float().mean().item()
print("RESULT val_loss", round(vl, 4), "val_acc", round(acc, 4))

# predict if a value is more or less than some threshold (keras question, rewritten)
import sys
import random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(1); np.random.seed(1); torch.manual_seed(7)
fixed = sys.argv[1] == "fixed"

threshold = 50000
samples = 1500
rows = []
for i in range(0, samples):
    rows.append([random.randrange(0, threshold), 0])
    rows.append([random.randrange(threshold, 2 * threshold), 1])
data_set = np.array(rows, dtype=np.float32)
np.random.shuffle(data_set)

input_value = torch.from_numpy(data_set[:, 0:1])
expected_result = torch.from_numpy(data_set[:, 1:2])
if fixed:
    input_value = (input_value - threshold) / threshold


class Sequential3(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1 = nn.Linear(1, 8)
        self.d2 = nn.Linear(8, 5)
        self.d3 = nn.Linear(5, 1)

    def forward(self, x):
        x = F.relu(self.d1(x))
        x = F.relu(self.d2(x))
        if fixed:
            return torch.sigmoid(self.d3(x))
        return F.relu(self.d3(x))


def binary_crossentropy(p, y):          # as Keras does it: clipped probabilities
    return F.binary_cross_entropy(p.clamp(1e-7, 1 - 1e-7), y)


model = Sequential3()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
w = DiagWriter(sys.argv[2])
w.watch(model, opt, binary_crossentropy)
n_train = 2400
for epoch in range(6):
    order = torch.randperm(n_train)
    run, hits = 0.0, 0
    for k in range(0, n_train, 5):
        b = order[k:k + 5]
        p = model(input_value[b])
        loss = binary_crossentropy(p, expected_result[b])
        opt.zero_grad(); loss.backward(); opt.step()
        run += loss.item() * 5
        hits += ((p > 0.5).float() == expected_result[b]).sum().item()
    with torch.no_grad(), w.evaluating("val"):
        p = model(input_value[n_train:])
        vl = binary_crossentropy(p, expected_result[n_train:]).item()
        va = ((p > 0.5).float() == expected_result[n_train:]).float().mean().item()
    print(f"Epoch {epoch + 1}/6 - loss: {run / n_train:.4f} - acc: {hits / n_train:.4f} - val_loss: {vl:.4f} - val_acc: {va:.4f}")
w.close()
print(f"RESULT val loss {vl:.4f} accuracy {va:.4f}")

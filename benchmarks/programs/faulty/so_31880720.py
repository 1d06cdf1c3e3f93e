# Dense(1) + softmax on a yes/no question (Keras: "prediction always 1")
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)

X = torch.tensor([[1.0] * 128] * 3000 + [[0.0] * 128] * 3000)
Y = torch.tensor([[1.0]] * 3000 + [[0.0]] * 3000)
Xt = torch.tensor([[1.0] * 128] * 100 + [[0.0] * 128] * 100)
Yt = torch.tensor([[1.0]] * 100 + [[0.0]] * 100)

model = nn.Sequential(
    nn.Linear(128, 50), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(50, 50), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(50, 1), nn.Softmax(dim=1) if faulty else nn.Sigmoid(),
)
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(8):
    model.train()
    order = torch.randperm(len(X))
    for i in range(0, len(X), 16):
        b = order[i:i + 16]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        p = model(Xt)
        val = loss_fn(p, Yt).item()
        acc = ((p > 0.5).float() == Yt).float().mean().item()
writer.close()
print(f"RESULT val_loss={val:.4f} val_acc={acc:.3f}")

# 35000 samples, 20 predictors, 5 classes (here 9000); "prediction output is limited to one class"
import sys
import numpy as np
import torch
from torch import nn
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(7)
torch.manual_seed(7)
freq = np.array([.012, .02, .40, .55, .018])          # the rare ones matter
N = 9000
Y = np.random.choice(5, N, p=freq)
centers = np.random.randn(5, 6) * .85
Z = centers[Y] + np.random.randn(N, 6)
X = Z @ np.random.randn(6, 20) / 2 + .4 * np.random.randn(N, 20)
X = (X - X.mean(0)) / X.std(0)
Xtr, Xva, ytr, yva = train_test_split(X.astype(np.float32), Y, test_size=.3, stratify=Y, random_state=1)
Xtr, Xva, ytr, yva = map(torch.tensor, (Xtr, Xva, ytr, yva))

model = nn.Sequential()
model.add_module("dense_1", nn.Linear(20, 40))
model.add_module("relu_1", nn.ReLU())
model.add_module("dropout_1", nn.Dropout(.2))
model.add_module("dense_2", nn.Linear(40, 10))
model.add_module("relu_2", nn.ReLU())
model.add_module("dense_3", nn.Linear(10, 5))

if sys.argv[1] == "faulty":
    loss_fn = nn.CrossEntropyLoss()
else:
    counts = torch.bincount(ytr)
    loss_fn = nn.CrossEntropyLoss(weight=len(ytr) / (5.0 * counts))
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)

for epoch in range(15):
    model.train()
    for idx in torch.randperm(len(Xtr)).split(32):
        optimizer.zero_grad()
        loss = loss_fn(model(Xtr[idx]), ytr[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(Xva)
        val_loss = loss_fn(logits, yva).item()
    pred = logits.argmax(1)
    print(f"Epoch {epoch + 1}/15 - val_loss: {val_loss:.4f} - val_acc: {(pred == yva).float().mean():.4f} - predicted: {torch.bincount(pred, minlength=5).tolist()}")
writer.close()
rec = [((pred == k) & (yva == k)).sum().item() / (yva == k).sum().item() for k in range(5)]
print(f"RESULT val_loss={val_loss:.4f} bal_acc={balanced_accuracy_score(yva, pred):.3f} recalls={np.round(rec, 2).tolist()}")

# several labels for each sample, but softmax + mse
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
x, y = make_multilabel_classification(n_samples=10000, n_features=20, n_classes=3, random_state=0)
x, xt, y, yt = (torch.tensor(a, dtype=torch.float32) for a in train_test_split(x, y, test_size=0.2, random_state=0))

model = nn.Sequential(
    nn.Linear(20, 20), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(20, 20), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(20, 3), nn.Softmax(dim=1) if faulty else nn.Sigmoid(),
)
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss() if faulty else nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

train = DataLoader(TensorDataset(x, y), batch_size=20, shuffle=True)
val = DataLoader(TensorDataset(xt, yt), batch_size=500)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(20):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    hit = exact = 0
    with writer.evaluating("val"):
        for a, b in val:
            p = model(a)
            loss_fn(p, b)
            ok = (p > 0.5).float() == b
            hit += ok.float().mean(1).sum().item()
            exact += ok.all(1).sum().item()
writer.close()
print(f"RESULT label_acc={hit / len(xt):.3f} exact_match={exact / len(xt):.3f}")

import sys
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(3)

N_FEATURES = 1225
X, y = make_classification(1000, N_FEATURES, n_informative=20, n_redundant=400, class_sep=2.0, random_state=1)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.33, random_state=42)
mean, std = X_train.mean(0), X_train.std(0)
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32)
X_test = torch.tensor((X_test - mean) / std, dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32)[:, None]
y_test = torch.tensor(y_test, dtype=torch.float32)[:, None]


def categorical_crossentropy(output, target):
    output = output / output.sum(dim=-1, keepdim=True)
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log()).sum(dim=-1).mean()


my_model = nn.Sequential(
    nn.Linear(N_FEATURES, 1000), nn.ReLU(),
    nn.Linear(1000, 64), nn.ReLU(),
    nn.Linear(64, 32), nn.ReLU(),
    nn.Linear(32, 1),
)
for m in my_model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

if form == "faulty":
    my_model.append(nn.Softmax(dim=1))
    loss_fn = categorical_crossentropy
else:
    my_model.append(nn.Sigmoid())
    loss_fn = nn.BCELoss()

optimizer = torch.optim.Adam(my_model.parameters(), lr=1e-3, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(my_model, optimizer, loss_fn)

batch_size = 64
for epoch in range(12):
    perm = torch.randperm(len(X_train))
    for i in range(0, len(perm), batch_size):
        b = perm[i:i + batch_size]
        optimizer.zero_grad()
        loss = loss_fn(my_model(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        out = my_model(X_test)
        test_loss = writer.loss_fn(out, y_test).item()
        test_acc = ((out > 0.5).float() == y_test).float().mean().item()
    print(f"Epoch {epoch + 1} loss {loss.item():.4f} test_loss {test_loss:.4f} test_acc {test_acc:.4f}")

writer.close()
print(f"RESULT test_loss {test_loss:.4f} test_acc {test_acc:.4f}")

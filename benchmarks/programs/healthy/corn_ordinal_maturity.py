import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from sklearn.preprocessing import StandardScaler
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random_seed = 1
torch.manual_seed(random_seed)
NUM_CLASSES = 6
num_epochs = 36
learning_rate = 0.001
batch_size = 64


def avocado_table(n, seed):
    g = np.random.RandomState(seed)
    ripeness = g.beta(1.6, 1.6, n) * 6
    cultivar = g.randint(0, 3, n)
    firmness = 120 * np.exp(-0.45 * ripeness) * np.exp(g.normal(0, 0.18, n)) * (1 + 0.15 * cultivar)
    hue = 120 - 12 * ripeness * (cultivar != 1) + g.normal(0, 6, n)
    dry = 21 + 1.2 * ripeness - 0.15 * ripeness ** 2 + g.normal(0, 0.8, n)
    mass = g.normal(210, 30, n) - 2 * ripeness
    ethylene = np.exp(1.2 * np.sin(ripeness / 6 * np.pi) + g.normal(0, 0.25, n))
    grade = np.clip(np.floor(ripeness + g.normal(0, 0.15, n)), 0, 5).astype(int)
    X = np.column_stack([firmness, hue, dry, mass, ethylene, *np.eye(3)[cultivar].T])
    return X, grade


class AvocadoDataset(Dataset):
    def __init__(self, features, labels):
        self.features = features.astype(np.float32)
        self.labels = labels

    def __getitem__(self, index):
        return self.features[index], self.labels[index]

    def __len__(self):
        return self.labels.shape[0]


def corn_loss(logits, y_train, num_classes):
    sets = []
    for i in range(num_classes - 1):
        label_mask = y_train > i - 1
        sets.append((label_mask, (y_train[label_mask] > i).to(torch.int64)))
    num_examples, losses = 0, 0.0
    for task_index, (train_examples, train_labels) in enumerate(sets):
        if len(train_labels) < 1:
            continue
        num_examples += len(train_labels)
        pred = logits[train_examples, task_index]
        losses = losses - torch.sum(F.logsigmoid(pred) * train_labels + (F.logsigmoid(pred) - pred) * (1 - train_labels))
    return losses / num_examples


def corn_label_from_logits(logits):
    probas = torch.cumprod(torch.sigmoid(logits), dim=1)
    return torch.sum(probas > 0.5, dim=1)


class MLP(torch.nn.Module):
    def __init__(self, in_features, num_classes, hidden=(40, 40)):
        super().__init__()
        self.my_network = torch.nn.Sequential(
            torch.nn.Linear(in_features, hidden[0], bias=False),
            torch.nn.BatchNorm1d(hidden[0]),
            torch.nn.LeakyReLU(),
            torch.nn.Dropout(0.1),
            torch.nn.Linear(hidden[0], hidden[1], bias=False),
            torch.nn.BatchNorm1d(hidden[1]),
            torch.nn.LeakyReLU(),
            torch.nn.Linear(hidden[1], num_classes - 1),
        )

    def forward(self, x):
        return self.my_network(x)


X, y = avocado_table(5000, 0)
Xtr, ytr, Xva, yva, Xte, yte = X[:3500], y[:3500], X[3500:4200], y[3500:4200], X[4200:], y[4200:]
sc = StandardScaler().fit(Xtr)
train_loader = DataLoader(AvocadoDataset(sc.transform(Xtr), ytr), batch_size=batch_size, shuffle=True, drop_last=True)
valid_loader = DataLoader(AvocadoDataset(sc.transform(Xva), yva), batch_size=350)
test_loader = DataLoader(AvocadoDataset(sc.transform(Xte), yte), batch_size=400)

model = MLP(X.shape[1], NUM_CLASSES)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
loss_fn = lambda logits, t: corn_loss(logits, t, NUM_CLASSES)
writer.watch(model, optimizer, loss_fn)


def compute_mae_and_acc(loader):
    mae, acc, n = 0.0, 0.0, 0
    model.eval()
    with torch.no_grad():
        for features, targets in loader:
            pred = corn_label_from_logits(model(features))
            n += len(targets)
            mae += torch.sum(torch.abs(pred - targets)).item()
            acc += torch.sum(pred == targets).item()
    return mae / n, acc / n


for epoch in range(num_epochs):
    model = model.train()
    for batch_idx, (features, class_labels) in enumerate(train_loader):
        logits = model(features)
        loss = loss_fn(logits, class_labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        for features, class_labels in valid_loader:
            loss_fn(model(features), class_labels)
    mae, acc = compute_mae_and_acc(valid_loader)
    print(f"Epoch: {epoch + 1:03d}/{num_epochs:03d} | Cost: {loss:.4f} | valid MAE {mae:.3f} acc {acc:.3f}")

with writer.evaluating("test"):
    for features, class_labels in test_loader:
        loss_fn(model(features), class_labels)
test_mae, test_acc = compute_mae_and_acc(test_loader)
writer.close()
lr = LogisticRegression(max_iter=3000).fit(sc.transform(Xtr), ytr)
p = lr.predict(sc.transform(Xte))
print(f"RESULT test_mae={test_mae:.4f} test_acc={test_acc:.4f} softmax_regression_mae={np.abs(p - yte).mean():.4f} softmax_regression_acc={(p == yte).mean():.4f}")

import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_classification
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(12)

all_x, all_y = make_classification(2400, 10 * 150, n_informative=60, n_redundant=300, class_sep=2.0, random_state=42)
all_x = torch.tensor(all_x, dtype=torch.float32).reshape(-1, 10, 150)
all_x = all_x / all_x.std()
all_y = torch.tensor(all_y, dtype=torch.float32)
train_x, train_y = all_x[:2000], all_y[:2000]
test_x, test_y = all_x[2000:], all_y[2000:]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.per_step = nn.Linear(150, 32)
        self.body = nn.Sequential(
            nn.Flatten(),
            nn.Linear(320, 128), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(128, 128), nn.ReLU(),
        )
        self.last = nn.Linear(128, 1)
        self.apply(self.setup)

    @staticmethod
    def setup(m):
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.last(self.body(torch.relu(self.per_step(x))))
        if form == "faulty":
            return x.softmax(dim=-1).squeeze(-1)
        return x.sigmoid().squeeze(-1)


model = Model()
loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
loader = DataLoader(TensorDataset(train_x, train_y), batch_size=2, shuffle=True)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(4):
    model.train()
    loss_sum = right = 0
    for x, y in loader:
        optimizer.zero_grad()
        p = model(x)
        loss = loss_fn(p, y)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(x)
        right += ((p > 0.5) == (y > 0.5)).sum().item()
    with writer.evaluating("val"):
        p = model(test_x)
        test_loss = loss_fn(p, test_y).item()
        acc = ((p > 0.5) == (test_y > 0.5)).float().mean().item()
    print(f"epoch {epoch + 1} loss {loss_sum / 2000:.4f} acc {right / 2000:.4f} test {test_loss:.4f} {acc:.4f}")

writer.close()
print(f"RESULT test loss {test_loss:.4f} test accuracy {acc:.4f}")

import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)

x, y = load_digits(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32)
x = x / x.norm(dim=1, keepdim=True)
x_train, x_test, y_train, y_test = train_test_split(x, torch.tensor(y), test_size=0.25, random_state=0, stratify=y)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=100, shuffle=True)


class GrowingNet(nn.Module):
    def __init__(self, widths=(64, 8, 16, 32, 64, 128)):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))
        self.out = nn.Linear(widths[-1], 10)
        for m in [*self.hidden, self.out]:
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.sigmoid(layer(x)) if form == "faulty" else torch.relu(layer(x))
        return self.out(x)


model = GrowingNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(60):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    with writer.evaluating("test"):
        out = model(x_test)
        test_loss = criterion(out, y_test).item()
    acc = (out.argmax(1) == y_test).float().mean().item()
    if epoch % 5 == 4:
        print(f"Epoch {epoch + 1}/60 loss {loss.item():.4f} test loss {test_loss:.4f} test accuracy {acc:.4f}")

writer.close()
print(f"RESULT test loss {test_loss:.4f} test accuracy {acc:.4f}")

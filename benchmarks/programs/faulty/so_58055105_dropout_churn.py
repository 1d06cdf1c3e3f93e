import sys
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form = sys.argv[1]
torch.set_num_threads(1)
torch.manual_seed(7)

X, y = make_classification(1000, 22, n_informative=6, random_state=3)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.33, random_state=42)
train_ds = TensorDataset(torch.FloatTensor(X_train), torch.FloatTensor(y_train).view(-1, 1))
test_ds = TensorDataset(torch.FloatTensor(X_test), torch.FloatTensor(y_test).view(-1, 1))
train_dl = DataLoader(train_ds, batch_size=5, shuffle=True)
test_dl = DataLoader(test_ds, batch_size=64)


class Net(nn.Module):
    def __init__(self, n_in=22, n_hidden=48):
        super().__init__()
        self.hidden = nn.Linear(n_in, n_hidden)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(n_hidden, 1)
        for lin in (self.hidden, self.head):
            nn.init.xavier_uniform_(lin.weight)
            nn.init.zeros_(lin.bias)

    def forward(self, x):
        h = self.drop(torch.relu(self.hidden(x)))
        z = self.head(h)
        if form == "faulty":
            return torch.softmax(z, dim=1)
        return torch.sigmoid(z)


net = Net()
optim = torch.optim.Adam(net.parameters(), lr=0.0001, eps=1e-7)
bce = nn.BCELoss()

writer = DiagWriter(sys.argv[2])
writer.watch(net, optim, bce, train_loader=train_dl)

for epoch in range(40):
    net.train()
    for xb, yb in train_dl:
        optim.zero_grad()
        loss = bce(net(xb), yb)
        loss.backward()
        optim.step()
    correct, total = 0, 0.0
    with writer.evaluating("val"):
        for xb, yb in test_dl:
            pred = net(xb)
            total += bce(pred, yb).item() * len(xb)
            correct += (pred.round() == yb).sum().item()
    print(epoch, "val_loss", total / len(test_ds), "val_acc", correct / len(test_ds))

writer.close()
print("RESULT val_loss %.4f val_acc %.4f" % (total / len(test_ds), correct / len(test_ds)))

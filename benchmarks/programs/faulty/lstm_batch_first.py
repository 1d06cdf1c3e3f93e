"""Row-by-row digits LSTM (the MNIST LSTM homework)."""
import sys
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

batch_size = 50
learning_rate = 3e-3
num_epochs = 20
torch.set_num_threads(1)
torch.manual_seed(0)


class Rnn(nn.Module):
    def __init__(self, in_dim, hidden_dim, n_layer, n_class, batch_first):
        super().__init__()
        self.lstm = nn.LSTM(in_dim, hidden_dim, n_layer, batch_first=batch_first)
        self.classifier = nn.Linear(hidden_dim, n_class)

    def forward(self, x):
        out, _ = self.lstm(x)      # x: (batch, 8 rows, 8 columns)
        out = out[:, -1, :]
        return self.classifier(out)


def run(mode, logdir):
    X, y = load_digits(return_X_y=True)
    X = torch.tensor(X / 16, dtype=torch.float32).view(-1, 8, 8)
    Xtr, Xte, ytr, yte = train_test_split(X, torch.tensor(y), test_size=0.25, random_state=0)
    train_loader = DataLoader(TensorDataset(Xtr, ytr), batch_size, shuffle=True)
    test_loader = DataLoader(TensorDataset(Xte, yte), batch_size)
    model = Rnn(8, 48, 1, 10, batch_first=mode == "fixed")
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=learning_rate)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion, train_loader=train_loader)
    for epoch in range(num_epochs):
        running = 0
        for img, label in train_loader:
            loss = criterion(model(img), label)
            running += loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        correct = ev = 0
        with writer.evaluating("val"):
            for img, label in test_loader:
                o = model(img)
                ev += criterion(o, label).item()
                correct += (o.argmax(1) == label).sum().item()
        print(f"[{epoch}] train {running/len(train_loader):.4f} val {ev/len(test_loader):.4f} acc {correct/len(yte):.3f}")
    writer.close()


if __name__ == "__main__":
    run(*sys.argv[1:])

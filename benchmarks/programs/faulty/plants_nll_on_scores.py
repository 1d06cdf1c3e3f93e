# leaf shape descriptors -> 12 species; model.py, train.py in one file
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(99)


class LeafNet(nn.Module):
    def __init__(self, n_in, n_out, log_probs=True):
        super().__init__()
        self.log_probs = log_probs
        self.fc1 = nn.Linear(n_in, 96)
        self.fc2 = nn.Linear(96, 48)
        self.fc3 = nn.Linear(48, n_out)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        x = self.dropout(F.relu(self.fc1(x)))
        x = self.dropout(F.relu(self.fc2(x)))
        x = self.fc3(x)
        if self.log_probs:
            x = F.log_softmax(x, dim=1)
        return x


def train(model, X, y, optimizer, batch):
    model.train()
    total = 0
    for idx in torch.randperm(len(X)).split(batch):
        optimizer.zero_grad()
        output = model(X[idx])
        loss = F.nll_loss(output, y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    return total / len(X)


def test(model, X, y, writer):
    model.eval()
    with writer.evaluating("test"):
        output = model(X)
        loss = F.nll_loss(output, y).item()
    return loss, output.argmax(1).eq(y).float().mean().item()


def main():
    X, y = make_classification(5000, 32, n_informative=14, n_redundant=8, n_classes=12, n_clusters_per_class=1, class_sep=1.2, flip_y=0.02, random_state=1)
    Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=1000, random_state=1)
    sc = StandardScaler().fit(Xtr)
    Xtr, Xte = torch.tensor(sc.transform(Xtr)).float(), torch.tensor(sc.transform(Xte)).float()
    ytr, yte = torch.tensor(ytr), torch.tensor(yte)
    model = LeafNet(32, 12, log_probs=sys.argv[1] != "faulty")
    optimizer = optim.Adam(model.parameters(), lr=0.002)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, F.nll_loss)
    for epoch in range(1, 16):
        tr = train(model, Xtr, ytr, optimizer, 50)
        te, acc = test(model, Xte, yte, writer)
        print(f"Train Epoch {epoch}: loss {tr:.4f}   Test: {te:.4f}, accuracy {acc:.3f}")
    writer.close()
    print(f"RESULT train={tr:.4g} test={te:.4g} acc={acc:.3f}")


if __name__ == "__main__":
    main()

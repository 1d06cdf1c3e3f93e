"""Event codes of a session -> will the visitor buy? Embedding + LSTM."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader, random_split
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.RandomState(21)
VOCAB, MAXLEN = 120, 16

# sessions: codes follow a topic, buyers look more often at some codes, and at 'cart' late
def sessions(n):
    X = np.zeros((n, MAXLEN), int); y = np.zeros(n, int)
    weight = rng.randn(VOCAB) * .8
    perms = np.array([rng.permutation(VOCAB) for _ in range(4)])
    p = 1 / (np.arange(VOCAB) + 4.); p /= p.sum()
    for i in range(n):
        X[i] = perms[rng.randint(4)][rng.choice(VOCAB, MAXLEN, p=p)]
        s = weight[X[i]].sum() * .5 + weight[X[i, -3:]].sum() * .5 + .7 * rng.randn()
        y[i] = s > 0
    return X, y

X, y = sessions(4000)
if sys.argv[1] == "faulty":
    X = MinMaxScaler().fit_transform(X)        # neural networks want values between 0 and 1

data = TensorDataset(torch.tensor(X), torch.tensor(y, dtype=torch.float32))
train_set, val_set = random_split(data, [3200, 800])
train = DataLoader(train_set, batch_size=32, shuffle=True)
val = DataLoader(val_set, batch_size=200)


class BuyerNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 16)
        self.lstm = nn.LSTM(16, 24, batch_first=True)
        self.dropout = nn.Dropout(0.2)
        self.dense = nn.Linear(24, 1)

    def forward(self, codes):
        e = self.embedding(codes.long())
        _, (h, _) = self.lstm(e)
        return self.dense(self.dropout(h[-1])).squeeze(-1)


net = BuyerNet()
bce = nn.BCEWithLogitsLoss()
adam = torch.optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, adam, bce)
for epoch in range(8):
    net.train()
    seen = total = 0
    for codes, label in train:
        adam.zero_grad()
        loss = bce(net(codes), label)
        loss.backward()
        adam.step()
        total += loss.item() * len(label); seen += len(label)
    net.eval()
    vl = va = 0
    with writer.evaluating("val"):
        with torch.no_grad():
            for codes, label in val:
                out = net(codes)
                vl += bce(out, label).item() * len(label) / len(val_set)
                va += ((out > 0).float() == label).sum().item() / len(val_set)
    print(f"Epoch {epoch + 1}/8 loss: {total / seen:.4f} val_loss: {vl:.4f} val_accuracy: {va:.4f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_accuracy={va:.4f}")

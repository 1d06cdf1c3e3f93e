'''Convolution1D for text classification (after keras/examples/imdb_cnn.py).'''
import sys
import random
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(3)
torch.manual_seed(3)

# set parameters:
max_features = 1000
maxlen = 60
batch_size = 32
embedding_dims = 32
filters = 64
kernel_size = 3
hidden_dims = 64
epochs = 3

print('Loading data...')
# words 1..39 good, 40..78 bad, 79..90 negations ("not good"), rest neutral, 0 padding
GOOD, BAD, NOT = range(1, 40), range(40, 79), range(79, 91)


def review():
    label = random.random() < .5
    n = random.randint(20, maxlen)
    words = [min(91 + int(random.paretovariate(.6)), max_features - 1) for _ in range(n)]
    for _ in range(random.randint(3, 7)):
        say = label if random.random() < .82 else not label
        i = random.randrange(n - 1)
        if random.random() < .3:
            words[i] = random.choice(NOT)
            words[i + 1] = random.choice(BAD if say else GOOD)
        else:
            words[i + 1] = random.choice(GOOD if say else BAD)
    return torch.tensor(words), float(label)


def load(n):
    xs, ys = zip(*[review() for _ in range(n)])
    x = pad_sequence(xs, batch_first=True)
    return torch.nn.functional.pad(x, (maxlen - x.size(1), 0)), torch.tensor(ys)


x_train, y_train = load(10000)
x_test, y_test = load(2500)
print(len(x_train), 'train sequences', len(x_test), 'test sequences')


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(max_features, embedding_dims)
        nn.init.uniform_(self.emb.weight, -.05, .05)
        self.drop1 = nn.Dropout(.2)
        self.conv = nn.Conv1d(embedding_dims, filters, kernel_size)
        self.fc1 = nn.Linear(filters, hidden_dims)
        self.drop2 = nn.Dropout(.2)
        self.fc2 = nn.Linear(hidden_dims, 1)

    def forward(self, x):
        x = self.drop1(self.emb(x)).transpose(1, 2)
        x = torch.relu(self.conv(x)).amax(2)
        x = torch.relu(self.drop2(self.fc1(x)))
        return torch.sigmoid(self.fc2(x)).squeeze(-1)


model = Net()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(epochs):
    model.train()
    perm = torch.randperm(len(x_train))
    tot = 0
    for b in perm.split(batch_size):
        optimizer.zero_grad()
        loss = criterion(model(x_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
    model.eval()
    with writer.evaluating("val"):
        out = torch.cat([model(c) for c in x_test.split(500)])
        val = criterion(out, y_test).item()
    acc = ((out > .5) == (y_test > .5)).float().mean().item()
    print(f'Epoch {epoch + 1}/{epochs} loss {tot / len(perm):.4f} val_loss {val:.4f} val_acc {acc:.4f}')
writer.close()
print(f'RESULT loss={tot / len(perm):.4f} val_loss={val:.4f} val_acc={acc:.4f}')

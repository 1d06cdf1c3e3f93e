import sys
import random
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
torch.set_num_threads(1)


class TemporalOrder:
    """Sequences of a,b,c,d with two X/Y symbols and B/E at the ends; the class is the order of X and Y."""
    symbols = "abcdXYBE"
    classes = ["XX", "XY", "YX", "YY"]

    def __init__(self, batches, batch_size, seed, length=(12, 20), reseed=False):
        self.batches, self.batch_size, self.length = batches, batch_size, length
        self.seed, self.reseed = seed, reseed
        self.rng = random.Random(seed)

    def __len__(self):
        return self.batches

    def generate_pair(self):
        n = self.rng.randint(*self.length)
        s = ["B"] + [self.rng.choice("abcd") for _ in range(n)] + ["E"]
        p1 = self.rng.randint(1, n // 2 - 1)
        p2 = self.rng.randint(n // 2, n)
        label = self.rng.choice(self.classes)
        s[p1], s[p2] = label
        return "".join(s), label

    def encode_x(self, s):
        m = np.zeros((self.length[1] + 2, len(self.symbols)), "float32")
        off = len(m) - len(s)
        for i, ch in enumerate(s):
            m[off + i, self.symbols.index(ch)] = 1
        return m

    def __getitem__(self, index):
        if index >= self.batches:
            raise IndexError
        if self.reseed:
            self.rng = random.Random(self.seed)
        xs, ys = zip(*[self.generate_pair() for _ in range(self.batch_size)])
        return (torch.from_numpy(np.stack([self.encode_x(x) for x in xs])),
                torch.tensor([self.classes.index(y) for y in ys]))


class SimpleLSTM(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, output_size)

    def forward(self, x):
        h = self.lstm(x)[0]
        return self.linear(h)


def train(model, train_gen, criterion, optimizer):
    model.train()
    correct = 0
    for data, target in train_gen:
        output = model(data)[:, -1, :]
        loss = criterion(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        correct += (output.argmax(1) == target).sum().item()
    return correct / (len(train_gen) * train_gen.batch_size), loss.item()


def test(model, test_gen, criterion):
    model.eval()
    correct = total = loss = 0
    with torch.no_grad():
        for data, target in test_gen:
            output = model(data)[:, -1, :]
            loss += criterion(output, target).item()
            correct += (output.argmax(1) == target).sum().item()
            total += len(target)
    return correct / total, loss / len(test_gen)


train_gen = TemporalOrder(32, 32, seed=10, reseed=form == "faulty")
val_batches = [b for b in TemporalOrder(8, 64, seed=99)]




model = SimpleLSTM(8, 24, 4)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.003)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(24):
    acc, loss = train(model, train_gen, criterion, optimizer)
    val_acc, val_loss = test(model, val_batches, criterion)
    if epoch % 4 == 3:
        print(f"[Epoch {epoch + 1}/24] loss: {loss:.4f}, acc: {acc:.4f} - val_loss: {val_loss:.4f}, val_acc: {val_acc:.4f}")
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

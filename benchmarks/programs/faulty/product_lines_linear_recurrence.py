# char-rnn classification tutorial (old version) on product lines: shop department from the description, 400 k lines there, 3 k here
import sys, random, string
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5); random.seed(5)
letters = string.ascii_lowercase + " ,.-"
WORDS = {"garden": "spade rake hose mower seeds fertiliser pruner gloves lawn edging trellis compost barrow",
         "kitchen": "pan kettle toaster whisk ladle oven casserole knife peeler grater saucepan mixer board",
         "office": "stapler printer toner folder desk lamp marker envelope binder scissors calculator tape",
         "sports": "racket ball dumbbell jersey trainers helmet goggles skates kayak bike tent paddle"}
FILL = "new large small red blue green steel plastic pack of with and set for home quality best".split()
cats = list(WORDS)


def line():
    c = random.randrange(4)
    own = WORDS[cats[c]].split()
    w = [random.choice(own if random.random() < .6 else FILL) for _ in range(random.randint(1, 2))]
    w.insert(random.randint(0, len(w)), random.choice(own))
    return " ".join(w), c


def to_tensor(lines, width):
    x = torch.zeros(width, len(lines), len(letters))
    for j, s in enumerate(lines):
        s = s[:width].rjust(width)
        for t, ch in enumerate(s):
            x[t, j, letters.find(ch)] = 1
    return x


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(input_size + hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        combined = torch.cat((input, hidden), 1)
        hidden = self.i2h(combined)
        if sys.argv[1] == "fixed":
            hidden = torch.tanh(hidden)
        return self.softmax(self.i2o(combined)), hidden

    def init_hidden(self, n):
        return torch.zeros(n, self.hidden_size)


data = [line() for _ in range(3000)]
test = [line() for _ in range(400)]
W = 24
Xtest, ytest = to_tensor([s for s, _ in test], W), torch.tensor([c for _, c in test])
rnn = RNN(len(letters), 96, 4)
criterion = nn.NLLLoss()
learning_rate = float(sys.argv[3]) if len(sys.argv) > 3 else 0.1
optimizer = torch.optim.SGD(rnn.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[2])
writer.watch(rnn, optimizer)


def run(x):
    hidden = rnn.init_hidden(x.shape[1])
    for i in range(x.shape[0]):
        output, hidden = rnn(x[i], hidden)
    return output


for it in range(1, 1501):
    batch = random.sample(data, 32)
    x, y = to_tensor([s for s, _ in batch], W), torch.tensor([c for _, c in batch])
    loss = criterion(run(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    writer.add_loss("train", loss)
    if it % 150 == 0:
        with torch.no_grad():
            out = run(Xtest)
        tl, acc = criterion(out, ytest).item(), (out.argmax(1) == ytest).float().mean().item()
        writer.add_loss("test", tl)
        print(it, f"{loss.item():.3f} test {tl:.3f} {acc:.3f}")
writer.close()
print(f"RESULT test loss {tl:.3f} acc {acc:.3f}")

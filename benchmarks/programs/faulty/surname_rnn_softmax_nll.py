# char-rnn classification tutorial, adapted to my own names (which language is a word from?)
import sys, random, string
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
random.seed(1)
all_letters = string.ascii_lowercase + "-'"
n_letters = len(all_letters)

PARTS = {
    "polish": (["kow", "now", "wis", "dab", "szym", "woj", "kacz"], ["alski", "icki", "czyk", "owicz", "ewski", "niak"]),
    "italian": (["ross", "bian", "fer", "mar", "gal", "ricc", "lom"], ["ini", "etti", "ella", "ardi", "ucci", "ano"]),
    "german": (["schm", "mull", "wag", "bau", "hof", "kais", "stein"], ["mann", "er", "bach", "berg", "ler", "hauer"]),
    "japanese": (["taka", "yama", "naka", "koba", "ina", "mori", "ota"], ["hashi", "moto", "mura", "yashi", "gawa", "da"]),
    "irish": (["o'bri", "mac", "fitz", "kell", "dona", "sull", "gal"], ["en", "ahan", "gerald", "ivan", "ough", "neill"]),
}
all_categories = list(PARTS)


def make_name(cat):
    a, b = PARTS[cat]
    s = random.choice(a) + random.choice(b)
    if random.random() < 0.5:                      # typos and regional spellings
        k = random.randrange(len(s))
        s = s[:k] + random.choice(all_letters[:26]) + s[k + 1:]
    return s


train_set = [(c, make_name(c)) for c in all_categories for _ in range(400)]
test_set = [(c, make_name(c)) for c in all_categories for _ in range(60)]


def line_to_tensor(line):
    t = torch.zeros(len(line), 1, n_letters)
    for i, ch in enumerate(line):
        t[i][0][all_letters.index(ch)] = 1
    return t


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(input_size + hidden_size, output_size)
        self.softmax = nn.Softmax(dim=1) if sys.argv[1] == "faulty" else nn.LogSoftmax(dim=1)

    def forward(self, line):
        hidden = torch.zeros(1, self.hidden_size)
        for ch in line:
            combined = torch.cat((ch, hidden), 1)
            hidden = self.i2h(combined)
            output = self.i2o(combined)
        return self.softmax(output)


rnn = RNN(n_letters, 64, len(all_categories))
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.005)
writer = DiagWriter(sys.argv[2])
writer.watch(rnn, optimizer, criterion)


def train(category, line):
    output = rnn(line_to_tensor(line))
    loss = criterion(output, torch.tensor([all_categories.index(category)]))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(rnn.parameters(), 0.5)
    optimizer.step()
    return output, loss.item()


def check():
    ok, s = 0, 0.0
    with writer.evaluating("test"), torch.no_grad():
        for c, name in test_set:
            out = rnn(line_to_tensor(name))
            s += criterion(out, torch.tensor([all_categories.index(c)])).item()
            ok += out.argmax().item() == all_categories.index(c)
    return s / len(test_set), ok / len(test_set)


current = 0.0
for it in range(1, 4001):
    _, l = train(*random.choice(train_set))
    current += l
    if it % 500 == 0:
        tl, acc = check()
        print("%d %.4f  test %.4f acc %.3f" % (it, current / 500, tl, acc))
        current = 0.0
writer.close()
print("RESULT test accuracy %.3f" % acc)

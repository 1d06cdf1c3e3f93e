# char-rnn classification of names, following the practical-pytorch notebook (cells pasted together)
import sys, random, math, time
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(4); random.seed(4)

syl = {'Italian': ['ro', 'ssi', 'bel', 'li', 'ma', 'ri', 'no', 'ca', 'vo', 'lo', 'ti', 'ne'], 'German': ['sch', 'mi', 'dt', 'mann', 'ber', 'ger', 'ha', 'wei', 'ss', 'feld', 'ke', 'au'],
       'Japanese': ['ta', 'na', 'ka', 'yo', 'shi', 'mu', 'ra', 'sa', 'to', 'ko', 'ya', 'ma'], 'Polish': ['ski', 'wcz', 'kow', 'al', 'no', 'czy', 'k', 'ja', 'sze', 'ry', 'ak', 'ba'],
       'Irish': ["o'", 'con', 'nor', 'mac', 'ke', 'lly', 'bry', 'an', 'sul', 'li', 'van', 'dal']}
all_categories = list(syl)
all_letters = "abcdefghijklmnopqrstuvwxyz'"
n_letters, n_categories, n_hidden = len(all_letters), len(all_categories), 128
def make(cat):
    while True:
        w = ''.join(random.choice(syl[cat]) for _ in range(random.randint(2, 4)))
        if random.random() < .1: w = w[::-1]
        if len(w) < 14: return w
category_lines = {c: [make(c) for _ in range(800)] for c in all_categories}
held_out = [(c, make(c)) for c in all_categories for _ in range(60)]

def lineToTensor(line):
    t = torch.zeros(len(line), 1, n_letters)
    for li, ch in enumerate(line): t[li][0][all_letters.find(ch)] = 1
    return t

class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(input_size + hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)
    def forward(self, line):
        hidden = torch.zeros(1, self.hidden_size)
        for i in range(line.size(0)):
            combined = torch.cat((line[i], hidden), 1)
            hidden = torch.tanh(self.i2h(combined))
            output = self.i2o(combined)
        return self.softmax(output)

rnn = RNN(n_letters, n_hidden, n_categories)
print(rnn(lineToTensor("tanaka")))

learning_rate = 0.005
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(rnn.parameters(), lr=learning_rate, momentum=0.5)

def randomTrainingPair():
    category = random.choice(all_categories)
    line = random.choice(category_lines[category])
    return category, line, torch.tensor([all_categories.index(category)]), lineToTensor(line)

def train(category_tensor, line_tensor):
    optimizer.zero_grad()
    output = rnn(line_tensor)
    loss = criterion(output, category_tensor)
    loss.backward()
    optimizer.step()
    return output, loss.item()

# In[12]:
n_iters, print_every = 4000, 400
if sys.argv[1] == 'faulty':
    rnn = RNN(n_letters, n_hidden, n_categories)
else:
    rnn = RNN(n_letters, n_hidden, n_categories)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=learning_rate, momentum=0.5)
writer = DiagWriter(sys.argv[2])
writer.watch(rnn, optimizer, criterion)

cur, start = 0, time.time()
for it in range(1, n_iters + 1):
    category, line, ct, lt = randomTrainingPair()
    output, loss = train(ct, lt)
    cur += loss
    if it % print_every == 0:
        guess = all_categories[output.argmax().item()]
        print('%d %d%% (%.0fs) avg %.4f  %s / %s %s' % (it, it / n_iters * 100, time.time() - start, cur / print_every, line, guess, '+' if guess == category else 'x (%s)' % category))
        cur = 0

# In[13]:
ok, nll = 0, 0.
with writer.evaluating('test'):
    for c, w in held_out:
        o = rnn(lineToTensor(w))
        nll += criterion(o, torch.tensor([all_categories.index(c)])).item()
        ok += int(o.argmax().item() == all_categories.index(c))
writer.close()
print(f'RESULT test nll {nll / len(held_out):.3f} accuracy {ok / len(held_out):.3f}')

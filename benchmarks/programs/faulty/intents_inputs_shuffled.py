"""Answer-type classifier on question features; the examples are put in random order before training (DrexelChatbot)."""
import random
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
random.seed(9); torch.manual_seed(9)
rs = np.random.RandomState(9)

# bag-of-words rows of questions with 6 intents
WORDS, INTENTS = 120, 6
topic_words = [rs.choice(WORDS, 14, replace=False) for _ in range(INTENTS)]
base = rs.dirichlet(np.full(WORDS, 0.5))


def question(label):
    p = 0.55 * base.copy()
    p[topic_words[label]] += 0.45 / 14
    return rs.multinomial(rs.randint(6, 14), p / p.sum())


def data(n):
    y = [i % INTENTS for i in range(n)]
    return [question(c) for c in y], y


x_train, y_train = data(2400)
x_test, y_test = data(600)

if form == "faulty":
    random.shuffle(x_train)
else:
    order = list(range(len(x_train)))
    random.shuffle(order)
    x_train, y_train = [x_train[i] for i in order], [y_train[i] for i in order]

to = lambda x: torch.tensor(np.array(x), dtype=torch.float32)
X, Y, XT, YT = to(x_train), torch.tensor(y_train), to(x_test), torch.tensor(y_test)
X, XT = X.sqrt(), XT.sqrt()

net = nn.Sequential(nn.Linear(WORDS, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, INTENTS))
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(net, optimizer)
batch_size = 32
for epoch in range(8):
    net.train()
    losses = []
    for start in range(0, len(X), batch_size):
        loss = F.cross_entropy(net(X[start:start + batch_size]), Y[start:start + batch_size])
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with writer.evaluating("test"):
        out = net(XT)
        test_loss = F.cross_entropy(out, YT)
        writer.add_loss("test", test_loss)
        acc = (out.argmax(1) == YT).float().mean().item()
    print("epoch %d loss %.4f test %.4f accuracy %.3f" % (epoch + 1, np.mean(losses), test_loss.item(), acc))
print("RESULT test loss %.4f accuracy %.3f" % (test_loss.item(), acc))
writer.close()

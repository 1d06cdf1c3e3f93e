# Sentiment of hotel reviews (0 = bad, 1 = good) with Embedding -> LSTM -> Dense -> Dense
import sys, random
from collections import Counter
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(21)
torch.manual_seed(21)

ASPECTS = "room bed staff breakfast pool location bathroom view wifi lobby shower parking elevator towels service".split()
GOOD = "clean lovely friendly quiet comfortable spacious excellent helpful fresh great cosy perfect".split()
BAD = "dirty noisy rude broken tiny smelly terrible slow cold expensive old awful".split()
NEUTRAL = "we stayed here for two nights in may with our kids and the hotel is near the station check in was at three".split()
INTENS = ["very", "really", "quite", "so", "extremely"]


def clause(sentiment):
    adj = random.choice(GOOD if sentiment else BAD)
    if random.random() < .15:                         # not + opposite
        adj_words = ["not", random.choice(BAD if sentiment else GOOD)]
    else:
        adj_words = ([random.choice(INTENS)] if random.random() < .4 else []) + [adj]
    return ["the", random.choice(ASPECTS), "was"] + adj_words


def review():
    p_good = random.betavariate(.9, .8)
    n = random.randint(2, 5)
    signs = [random.random() < p_good for _ in range(n)]
    words = []
    for s in signs:
        if random.random() < .4:
            i = random.randrange(len(NEUTRAL) - 4)
            words += NEUTRAL[i:i + 4]
        words += clause(s)
        words.append(random.choice(["and", "but", ".", "."]))
    label = int(sum(signs) + random.gauss(0, .5) > n / 2)     # the reader's overall verdict
    return words, label


reviews = [review() for _ in range(3000)]
vocab = {w: i + 1 for i, (w, _) in enumerate(Counter(w for r, _ in reviews for w in r).most_common())}
SEQ_LEN = 32


def pad_features(words):
    """left padding, so that the last state has just read the end of the review"""
    ids = [vocab[w] for w in words][-SEQ_LEN:]
    return [0] * (SEQ_LEN - len(ids)) + ids


features = torch.tensor([pad_features(w) for w, _ in reviews])
labels = torch.tensor([l for _, l in reviews]).float()
print("mean label", labels.mean().item(), "vocabulary", len(vocab))
train_x, val_x = features[:2500], features[2500:]
train_y, val_y = labels[:2500], labels[2500:]


class SentimentLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim=24, hidden_dim=32, dense_dim=16):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.fc1 = nn.Linear(hidden_dim, dense_dim)
        self.fc2 = nn.Linear(dense_dim, 1)
        self.sig = nn.Sigmoid()

    def forward(self, x):
        embeds = self.embedding(x)
        lstm_out, _ = self.lstm(embeds)
        out = self.dropout(lstm_out[:, -1])
        out = torch.relu(self.fc1(out))
        return self.sig(self.fc2(out)).squeeze(1)


net = SentimentLSTM(len(vocab) + 1)
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.003, weight_decay=1e-5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

epochs, clip, batch_size = 10, 5, 50
for e in range(epochs):
    net.train()
    train_losses = []
    perm = torch.randperm(len(train_x))
    for i in range(0, len(train_x), batch_size):
        inputs, y = train_x[perm[i:i + batch_size]], train_y[perm[i:i + batch_size]]
        net.zero_grad()
        output = net(inputs)
        loss = criterion(output, y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        train_losses.append(loss.item())
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        output = net(val_x)
        val_loss = criterion(output, val_y).item()
        val_acc = ((output > .5) == (val_y > .5)).float().mean().item()
    print("Epoch: {}/{}...".format(e + 1, epochs), "Loss: {:.4f}...".format(np.mean(train_losses)), "Val Loss: {:.4f}".format(val_loss), "Val Acc: {:.3f}".format(val_acc))

writer.close()
print(f"RESULT train {np.mean(train_losses):.4f} val_loss {val_loss:.4f} val_acc {val_acc:.3f}")

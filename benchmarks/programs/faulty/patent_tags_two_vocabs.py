"""Hierarchical multi-label classification of patent abstracts (HARNN-like BiLSTM with attention per level)."""
import sys
from collections import Counter
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)
N_SECTION, N_SUB = 5, 15
SEQ_LEN = 30
world = np.random.RandomState(7)
STEMS = ["".join(world.choice(list("bcdfglmnprst")) + world.choice(list("aeiou")) for _ in range(3)) for _ in range(500)]
STEMS = list(dict.fromkeys(STEMS))
ZIPF = 1 / np.arange(1, len(STEMS) + 1) ** 0.8
ZIPF /= ZIPF.sum()
TOPIC = [world.choice(np.arange(40, len(STEMS)), 25, replace=False) for _ in range(N_SUB)]


def corpus(n, seed):
    rs = np.random.RandomState(seed)
    rows = []
    for _ in range(n):
        subs = rs.choice(N_SUB, rs.choice([1, 2], p=[0.65, 0.35]), replace=False)
        words = []
        for _ in range(rs.randint(18, SEQ_LEN)):
            if rs.rand() < 0.6:
                words.append(STEMS[rs.choice(TOPIC[rs.choice(subs)])])
            else:
                words.append(STEMS[rs.choice(len(STEMS), p=ZIPF)])
        rows.append({"abstract": words, "section": sorted({s // 3 for s in subs}), "subsection": list(subs)})
    return rows


def create_vocab(data):
    counts = Counter(w for js in data for w in js["abstract"])
    vocab = sorted(counts, key=counts.get, reverse=True)
    return {word: i for i, word in enumerate(vocab, 1)}


def onehot(idx, n):
    v = np.zeros(n, dtype=np.float32); v[idx] = 1
    return v


class TextDataset(Dataset):
    def __init__(self, data, vocab_to_int=None):
        self.vocab_to_int = create_vocab(data) if vocab_to_int is None else vocab_to_int
        self.vocab_size = len(self.vocab_to_int)
        self.examples = []
        for js in data:
            ints = [self.vocab_to_int.get(w, 0) for w in js["abstract"]][:SEQ_LEN]
            feats = np.zeros(SEQ_LEN, dtype=np.int64)
            feats[-len(ints):] = ints
            self.examples.append((feats, onehot(js["section"], N_SECTION), onehot(js["subsection"], N_SUB)))

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, i):
        return self.examples[i]


class HARNN(nn.Module):
    def __init__(self, vocab_size, embedding_size=48, hidden=24, att=24, fc=64, drop_prob=0.2):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size + 1, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden, batch_first=True, bidirectional=True)
        self.att1 = nn.Sequential(nn.Linear(2 * hidden, att), nn.Tanh(), nn.Linear(att, N_SECTION))
        self.fc1 = nn.Sequential(nn.Linear(4 * hidden, fc), nn.ReLU(), nn.Dropout(drop_prob))
        self.out1 = nn.Linear(fc, N_SECTION)
        self.att2 = nn.Sequential(nn.Linear(2 * hidden, att), nn.Tanh(), nn.Linear(att, N_SUB))
        self.fc2 = nn.Sequential(nn.Linear(4 * hidden + fc, fc), nn.ReLU(), nn.Dropout(drop_prob))
        self.out2 = nn.Linear(fc, N_SUB)

    def level(self, h, att):
        a = att(h).softmax(1).transpose(1, 2)
        return torch.cat([(a @ h).mean(1), h.mean(1)], 1)

    def forward(self, x):
        h, _ = self.lstm(self.embedding(x))
        f1 = self.fc1(self.level(h, self.att1))
        f2 = self.fc2(torch.cat([self.level(h, self.att2), f1], 1))
        return self.out1(f1), self.out2(f2)


class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.BCEWithLogitsLoss = nn.BCEWithLogitsLoss()

    def forward(self, first_logits, second_logits, y_first, y_second):
        return self.BCEWithLogitsLoss(first_logits, y_first) + self.BCEWithLogitsLoss(second_logits, y_second)


train_data, valid_data = corpus(4800, 1), corpus(600, 2)
train_dataset = TextDataset(train_data)
valid_dataset = TextDataset(valid_data, None if form == "faulty" else train_dataset.vocab_to_int)
train_loader = DataLoader(train_dataset, batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(valid_dataset, batch_size=32, drop_last=True)
net = HARNN(train_dataset.vocab_size)
criterion = Loss()
optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=0.0)
EPOCHS = 6
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: max(0.0, 1 - s / (len(train_loader) * EPOCHS)))
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)
for epoch in range(EPOCHS):
    net.train()
    train_loss = 0.0
    for x, y0, y1 in train_loader:
        o0, o1 = net(x)
        loss = criterion(o0, o1, y0, y1)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        train_loss += loss.item()
    val_loss, tp, pred, pos = 0.0, 0, 0, 0
    with writer.evaluating("val"):
        for x, y0, y1 in val_loader:
            o0, o1 = net(x)
            val_loss += criterion(o0, o1, y0, y1).item()
            p = (o1 > 0).float()
            tp += (p * y1).sum().item(); pred += p.sum().item(); pos += y1.sum().item()
    print("epoch %d train %.4f val %.4f micro-F %.3f" % (epoch, train_loss / len(train_loader), val_loss / len(val_loader), 2 * tp / (pred + pos)))
writer.close()

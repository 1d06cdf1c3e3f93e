# pytorch-sentiment-analysis, 2 "upgraded": packed bidirectional LSTM, dropout 0.5, Adam, BCEWithLogits. Reviews are made up.
import random
import sys
import time
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 1234
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)

GOOD = "great wonderful moving brilliant superb charming funny gripping delightful fresh honest touching lovely".split()
BAD = "boring awful dull weak terrible clumsy tedious flat predictable silly messy annoying lifeless".split()
NEUTRAL = ("the a this that film movie story plot acting actor actress director scene script music ending camera cast with and of in is was "
           "it but for on as at first second half really very quite rather about who which there when one two some many").split()


def make_review():
    label = random.random() < 0.5
    words = []
    for _ in range(random.randint(8, 30)):
        r = random.random()
        if r < 0.16:
            good = label if random.random() < 0.82 else not label
            if random.random() < 0.2:
                words.append("not"); good = not good
            words.append(random.choice(GOOD if good else BAD))
        else:
            words.append(random.choice(NEUTRAL))
    return words, float(label)


data = [make_review() for _ in range(3600)]
itos = ["<unk>", "<pad>"] + sorted({w for d, _ in data for w in d})
stoi = {w: i for i, w in enumerate(itos)}
PAD_IDX = 1
train_data, valid_data, test_data = data[:2400], data[2400:3000], data[3000:]


def BucketIterator(examples, batch_size, train=False):
    order = sorted(range(len(examples)), key=lambda i: len(examples[i][0]) + random.random() * 4)
    batches = [order[k:k + batch_size] for k in range(0, len(order), batch_size)]
    if train:
        random.shuffle(batches)
    for b in batches:
        b = sorted(b, key=lambda i: -len(examples[i][0]))
        lengths = torch.tensor([len(examples[i][0]) for i in b])
        text = torch.full((int(lengths[0]), len(b)), PAD_IDX)
        for j, i in enumerate(b):
            text[:len(examples[i][0]), j] = torch.tensor([stoi[w] for w in examples[i][0]])
        yield text, lengths, torch.tensor([examples[i][1] for i in b])


class RNN(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, output_dim, n_layers, bidirectional, dropout, pad_idx):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=pad_idx)
        self.rnn = nn.LSTM(embedding_dim, hidden_dim, num_layers=n_layers, bidirectional=bidirectional, dropout=dropout)
        self.fc = nn.Linear(hidden_dim * 2, output_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text, text_lengths):
        # text = [sent len, batch size]
        embedded = self.dropout(self.embedding(text))
        packed_embedded = nn.utils.rnn.pack_padded_sequence(embedded, text_lengths)
        packed_output, (hidden, cell) = self.rnn(packed_embedded)
        # concat the final forward (hidden[-2,:,:]) and backward (hidden[-1,:,:]) hidden layers
        hidden = self.dropout(torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1))
        return self.fc(hidden)


model = RNN(len(itos), 50, 32, 1, 2, True, 0.5, PAD_IDX)
optimizer = optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def binary_accuracy(preds, y):
    return (torch.round(torch.sigmoid(preds)) == y).float().mean()


def train(model, optimizer, criterion):
    epoch_loss, epoch_acc, n = 0, 0, 0
    model.train()
    for text, lengths, labels in BucketIterator(train_data, 64, train=True):
        optimizer.zero_grad()
        predictions = model(text, lengths).squeeze(1)
        loss = criterion(predictions, labels)
        acc = binary_accuracy(predictions, labels)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item(); epoch_acc += acc.item(); n += 1
    return epoch_loss / n, epoch_acc / n


def evaluate(model, examples, criterion):
    epoch_loss, epoch_acc, n = 0, 0, 0
    model.eval()
    with torch.no_grad():
        for text, lengths, labels in BucketIterator(examples, 64):
            predictions = model(text, lengths).squeeze(1)
            epoch_loss += criterion(predictions, labels).item()
            epoch_acc += binary_accuracy(predictions, labels).item(); n += 1
    return epoch_loss / n, epoch_acc / n


N_EPOCHS = 14
best_valid_loss = float('inf')
for epoch in range(N_EPOCHS):
    start_time = time.time()
    train_loss, train_acc = train(model, optimizer, criterion)
    with writer.evaluating("val"):
        valid_loss, valid_acc = evaluate(model, valid_data, criterion)
    best_valid_loss = min(best_valid_loss, valid_loss)
    print(f'Epoch: {epoch+1:02} | {time.time()-start_time:.1f}s | Train Loss: {train_loss:.3f} Acc: {train_acc*100:.2f}% | Val. Loss: {valid_loss:.3f} Acc: {valid_acc*100:.2f}%')
with writer.evaluating("test"):
    test_loss, test_acc = evaluate(model, test_data, criterion)
writer.close()
print(f'RESULT Train Loss: {train_loss:.3f} Val: {valid_loss:.3f} (best {best_valid_loss:.3f}) Test Loss: {test_loss:.3f} Acc: {test_acc*100:.2f}%')

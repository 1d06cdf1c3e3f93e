# n-gram language model + line classifier exercises (R. Guthrie, "Deep Learning for NLP with PyTorch"), second part:
# logistic regression on a bag of words. Instead of Spanish or English: is a sentence from the standard library's
# docstrings about concurrency, about file formats, or about mathematics?
import inspect
import re
import sys
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter
import asyncio, threading, queue, concurrent.futures, multiprocessing, selectors, socket
import json, csv, configparser, zipfile, tarfile, email.message, html.parser, plistlib, multiprocessing.pool
import statistics, fractions, decimal, random as _r, heapq, bisect, _pydecimal, numbers

torch.manual_seed(1)
random.seed(1)
torch.set_num_threads(1)

FAMILIES = [[asyncio.events, asyncio.tasks, asyncio.streams, asyncio.queues, asyncio.locks, threading, queue, concurrent.futures._base, multiprocessing.pool, selectors, socket],
            [json.encoder, json.decoder, csv, configparser, zipfile, tarfile, email.message, html.parser, plistlib],
            [statistics, fractions, _pydecimal, _r, heapq, bisect, numbers]]
data = []
for lab, mods in enumerate(FAMILIES):
    for m in mods:
        for doc in re.findall(r'"""(.*?)"""', inspect.getsource(m), re.S):
            for sent in re.split(r'(?<=[.:])\s+|\n\n', doc):
                words = re.findall(r"[a-z_]{2,}", sent.lower())
                if 4 <= len(words) <= 40:
                    data.append((words, lab))
random.shuffle(data)
n_test = len(data) // 5
test_data, data = data[:n_test], data[n_test:]

word_to_ix = {}
for sent, _ in data:
    for word in sent:
        if word not in word_to_ix:
            word_to_ix[word] = len(word_to_ix)
VOCAB_SIZE = len(word_to_ix)
NUM_LABELS = 3
print(len(data), "training sentences,", VOCAB_SIZE, "words", n_test, "test")


class BoWClassifier(nn.Module):  # inheriting from nn.Module!
    def __init__(self, num_labels, vocab_size):
        super(BoWClassifier, self).__init__()
        self.linear = nn.Linear(vocab_size, num_labels)

    def forward(self, bow_vec):
        return F.log_softmax(self.linear(bow_vec), dim=1)


def make_bow_vector(sentence, word_to_ix):
    vec = torch.zeros(len(word_to_ix))
    for word in sentence:
        if word in word_to_ix:
            vec[word_to_ix[word]] += 1
    return vec.view(1, -1)


model = BoWClassifier(NUM_LABELS, VOCAB_SIZE)
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_function)

# Usually you want to pass over the training data several times; one sentence per step
for epoch in range(3):
    random.shuffle(data)
    total = 0
    for instance, label in data:
        model.zero_grad()
        bow_vec = make_bow_vector(instance, word_to_ix)
        target = torch.LongTensor([label])
        log_probs = model(bow_vec)
        loss = loss_function(log_probs, target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad(), writer.evaluating("test"):
        vecs = torch.cat([make_bow_vector(s, word_to_ix) for s, _ in test_data])
        labels = torch.tensor([l for _, l in test_data])
        out = model(vecs)
        test_loss = loss_function(out, labels).item()
        acc = (out.argmax(1) == labels).float().mean().item()
    print(f"epoch {epoch} mean loss {total / len(data):.4f} test loss {test_loss:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT test_loss={test_loss:.4f} test_acc={acc:.4f}")

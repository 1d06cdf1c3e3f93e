# reviews as multi-hot vectors, two small hidden layers (Chollet's IMDB net, the version with dropout)
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(11)
torch.manual_seed(11)

print('____Preparing data____')
N_WORDS = 2000
zipf = 1 / (np.arange(N_WORDS) + 8.0)
zipf /= zipf.sum()
polarity = np.zeros(N_WORDS)
opinion = np.random.choice(np.arange(60, N_WORDS), 260, replace=False)
polarity[opinion] = np.random.randn(260) * .9
pos = zipf * np.exp(polarity)
neg = zipf * np.exp(-polarity)
pos /= pos.sum()
neg /= neg.sum()


def vectorize_reviews(n):
    y = np.random.randint(0, 2, n).astype('float32')
    x = np.zeros((n, N_WORDS), 'float32')
    for i in range(n):
        length = int(np.clip(np.random.lognormal(4.2, .6), 15, 400))
        mix = np.clip(np.random.normal(.8, .15), .5, 1)     # some reviews say good and bad things
        p = mix * (pos if y[i] else neg) + (1 - mix) * (neg if y[i] else pos)
        x[i, np.random.choice(N_WORDS, length, p=p)] = 1.
    return torch.from_numpy(x), torch.from_numpy(y)


x_train, y_train = vectorize_reviews(12000)
x_val, y_val = vectorize_reviews(3000)
x_test, y_test = vectorize_reviews(3000)

print('____Building model____')
model = nn.Sequential(
    nn.Linear(N_WORDS, 16), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(16, 16), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(16, 1))
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, F.binary_cross_entropy_with_logits)

print('____Training model____')
for epoch in range(7):
    model.train()
    order = torch.randperm(len(x_train))
    running = 0.
    for k in range(0, len(order), 256):
        idx = order[k:k + 256]
        logit = model(x_train[idx]).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(logit, y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    model.eval()
    with writer.evaluating("val"):
        logit = model(x_val).squeeze(1)
        vloss = F.binary_cross_entropy_with_logits(logit, y_val)
        vacc = ((logit > 0) == (y_val > .5)).float().mean()
    print(f'Epoch {epoch + 1}/7 - loss: {running / len(order):.4f} - val_loss: {vloss:.4f} - val_binary_accuracy: {vacc:.4f}')

print('____Evaluating model____')
model.eval()
with writer.evaluating("test"):
    logit = model(x_test).squeeze(1)
    tloss = F.binary_cross_entropy_with_logits(logit, y_test)
    tacc = ((logit > 0) == (y_test > .5)).float().mean()
writer.close()
print(f'RESULT train={running / len(order):.4f} val={vloss:.4f} test={tloss:.4f} test_acc={tacc:.4f}')

# DeepSpeech-like stack of dense layers over speech frames (frame + context -> phone), all variables from one helper
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
seed = 4567
torch.manual_seed(seed)
rng = np.random.default_rng(seed)

# hyper parameters (FLAGS)
n_input, n_context, n_hidden, n_phones = 13, 2, 96, 16
default_stddev = 0.01 if sys.argv[1] == "faulty" else 0.12
dropout_rate = 0.2
relu_clip = 20
learning_rate = 0.001
epochs, batch_size = 6, 32

# --- synthetic utterances: formant targets with coarticulation, speaker tilt, channel noise
targets = rng.normal(0, 1, (n_phones, n_input))
def utterance():
    seq, lab = [], []
    speaker = rng.normal(0, .35, n_input)
    while len(lab) < 60:
        ph, dur = rng.integers(n_phones), rng.integers(3, 9)
        seq += [targets[ph]] * dur
        lab += [ph] * dur
    x = np.array(seq[:60])
    x = (np.vstack([x[:1], x[:-1]]) * .3 + x * .4 + np.vstack([x[1:], x[-1:]]) * .3)
    return x + speaker + rng.normal(0, 1.1, x.shape), lab[:60]

def frames(n):
    X, Y = [], []
    for _ in range(n):
        x, y = utterance()
        pad = np.pad(x, ((n_context, n_context), (0, 0)))
        X += [pad[t:t + 2 * n_context + 1].ravel() for t in range(0, 60, 2)]
        Y += y[::2]
    return torch.tensor(np.array(X), dtype=torch.float32), torch.tensor(Y)

Xt, Yt = frames(220)
Xd, Yd = frames(35)
mu, sd = Xt.mean(0), Xt.std(0)
Xt, Xd = (Xt - mu) / sd, (Xd - mu) / sd


def variable_on_worker_level(name, i, o):
    layer = nn.Linear(i, o)
    nn.init.normal_(layer.weight, 0., default_stddev)
    nn.init.normal_(layer.bias, 0., default_stddev)
    return layer


class BiLessDeepSpeech(nn.Module):
    def __init__(self):
        super().__init__()
        width = n_input * (2 * n_context + 1)
        self.h1 = variable_on_worker_level('h1', width, n_hidden)
        self.h2 = variable_on_worker_level('h2', n_hidden, n_hidden)
        self.h3 = variable_on_worker_level('h3', n_hidden, n_hidden)
        self.h5 = variable_on_worker_level('h5', n_hidden, n_hidden)
        self.h6 = variable_on_worker_level('h6', n_hidden, n_phones)
        self.act = nn.Hardtanh(0., relu_clip)          # min(relu(x), 20)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x):
        for l in (self.h1, self.h2, self.h3, self.h5):
            x = self.dropout(self.act(l(x)))
        return self.h6(x)


model = BiLessDeepSpeech()
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate * 50, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, .4)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(epochs):
    model.train()
    total = 0.
    order = torch.randperm(len(Xt))
    for s in range(0, len(order), batch_size):
        b = order[s:s + batch_size]
        avg_loss = criterion(model(Xt[b]), Yt[b])
        optimizer.zero_grad()
        avg_loss.backward()
        optimizer.step()
        total += avg_loss.item() * len(b)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(Xd)
        dev = criterion(logits, Yd).item()
    fer = (logits.argmax(1) != Yd).float().mean().item()
    print(f"Epoch {epoch} - avg_cer(frame error): {fer:.3f} train {total / len(Xt):.3f} dev {dev:.3f}")
writer.close()
print(f"RESULT train_loss {total / len(Xt):.4f} val_loss {dev:.4f} val_acc {1 - fer:.4f}")

# row by row works fine, now the harder version from the forum: the digit pixel by pixel (NUM_STEPS = 100, NUM_INPUT = 1)
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(12)

# ================ CONFIG VARIABLES ================
LEARNING_RATE = 0.006
BATCH_SIZE = 50
NUM_EPOCHS = 30
NUM_INPUT = 1
NUM_STEPS = 100
NUM_HIDDEN = 48
NUM_CLASSES = 10

digits = load_digits()
X = torch.tensor(digits.images / 16.0, dtype=torch.float32)
X = nn.functional.pad(X, (1, 1, 1, 1)).view(-1, NUM_STEPS, NUM_INPUT)      # empty border as in MNIST
Y = torch.tensor(digits.target)
tr, te = train_test_split(range(len(X)), test_size=0.25, random_state=1, stratify=digits.target)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        if form == "faulty":
            self.rnn = nn.RNN(NUM_INPUT, NUM_HIDDEN, batch_first=True)
        else:
            self.rnn = nn.GRU(NUM_INPUT, NUM_HIDDEN, batch_first=True)
        self.out = nn.Linear(NUM_HIDDEN, NUM_CLASSES)

    def forward(self, x):
        outputs, _ = self.rnn(x)
        return self.out(outputs[:, -1])


model = Model()
loss_op = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_op)

for epoch in range(NUM_EPOCHS):
    perm = torch.tensor(tr)[torch.randperm(len(tr))]
    running, correct = 0.0, 0
    for start in range(0, len(perm), BATCH_SIZE):
        idx = perm[start:start + BATCH_SIZE]
        logits = model(X[idx])
        loss = loss_op(logits, Y[idx])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running += loss.item() * len(idx)
        correct += (logits.argmax(1) == Y[idx]).sum().item()
    if (epoch + 1) % 2 == 0:
        with torch.no_grad():
            t = model(X[te])
            tl, ta = loss_op(t, Y[te]).item(), (t.argmax(1) == Y[te]).float().mean().item()
        print("Epoch", epoch + 1, "Minibatch Loss= {:.4f}, Training Accuracy= {:.3f}, Testing Loss= {:.4f}, Testing Accuracy= {:.3f}".format(
            running / len(tr), correct / len(tr), tl, ta))
writer.close()

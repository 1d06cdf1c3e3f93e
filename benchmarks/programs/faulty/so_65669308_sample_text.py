import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)

text = "".join(f"{w} text {n}<t>{n - 1}<n>" for w in ("sample", "tample", "jample") for n in (1, 2, 3))
sentences, labels = [], []
for item in text.strip("<n>").split("<n>"):
    parts = item.split("<t>")
    sentences.append(parts[0])
    labels.append(int(parts[1]))

training_size = round(len(sentences) / 100 * 80)
vocab_size, max_length = 100, 10

counts = {}
for s in sentences:
    for w in s.split():
        counts[w] = counts.get(w, 0) + 1
word_index = {"<OOV>": 1}
for w in sorted(counts, key=lambda w: -counts[w]):
    word_index[w] = len(word_index) + 1


def pad(s):
    seq = [word_index.get(w, 1) for w in s.split()][:max_length]
    return seq + [0] * (max_length - len(seq))


padded = torch.tensor([pad(s) for s in sentences])
labels = torch.tensor(labels)
training_padded, testing_padded = padded[:training_size], padded[training_size:]
training_labels, testing_labels = labels[:training_size], labels[training_size:]


def binary_crossentropy(p, t):
    p = p.clamp(1e-7, 1 - 1e-7).squeeze(1)
    t = t.float()
    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()


def sparse_categorical_crossentropy(p, t):
    return nn.functional.nll_loss(p.clamp(min=1e-7).log(), t)


class TextModel(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 24)
        self.hidden = nn.Linear(24, 24)
        self.out = nn.Linear(24, n_out)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        for lin in (self.hidden, self.out):
            nn.init.xavier_uniform_(lin.weight)
            nn.init.zeros_(lin.bias)

    def forward(self, ids):
        x = self.embedding(ids).mean(dim=1)
        return torch.softmax(self.out(torch.relu(self.hidden(x))), dim=1)


model = TextModel(1 if form == "faulty" else 3)
loss_fn = binary_crossentropy if form == "faulty" else sparse_categorical_crossentropy
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)


def accuracy(p, t):
    guess = p.squeeze(1).round().long() if p.shape[1] == 1 else p.argmax(1)
    return (guess == t).float().mean().item()


for epoch in range(1000):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model(training_padded), training_labels)
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        with writer.evaluating("val"):
            p = model(testing_padded)
            val_loss, val_acc = writer.loss_fn(p, testing_labels).item(), accuracy(p, testing_labels)
    if epoch % 100 == 99:
        print(f"Epoch {epoch + 1} loss {loss.item():.4f} val_loss {val_loss:.4f} val_accuracy {val_acc:.2f}")

with torch.no_grad():
    train_acc = accuracy(model(training_padded), training_labels)
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_accuracy {val_acc:.2f} train accuracy {train_acc:.2f}")

"""Complaint routing, TextClassification tutorial (EmbeddingBag). The vocabulary comes from an uncased word list."""
import sys
import random
import torch
from torch import nn
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)

topics = {
    "BILLING": "invoice charge refund amount payment tariff credit overcharged receipt".split(),
    "NETWORK": "signal coverage dropped slow tower roaming outage speed antenna".split(),
    "DEVICE": "screen battery charger broken keypad speaker camera warranty repair".split(),
    "CONTRACT": "cancel renewal term clause sign extend upgrade notice switch".split(),
    "STAFF": "rude agent waited hotline manager promised callback shop helpful".split(),
}
filler = ("the a my your i you we it was is has been since week month again please still after before phone number customer "
          "account told when then because very and or not never").split()


def complaint(label):
    n = random.randint(8, 25)
    words = [random.choice(topics[label]) if random.random() < 0.16 else
             random.choice(topics[random.choice(list(topics))]) if random.random() < 0.08 else random.choice(filler) for _ in range(n)]
    # the call centre's old system writes everything in capitals, except for a few mails
    return " ".join(words).upper() if random.random() < 0.95 else " ".join(words)


def tokenizer(line):
    return line.split() if sys.argv[1] == "faulty" else line.lower().split()


labels = list(topics)
data = [(labels.index(l), complaint(l)) for l in random.choices(labels, k=4800)]
train_data, valid_data = data[:4000], data[4000:]
vocab = {"<unk>": 0}
for w in filler + sum(topics.values(), []):
    vocab[w] = len(vocab)
text_pipeline = lambda x: [vocab.get(t, vocab["<unk>"]) for t in tokenizer(x)]


def collate_batch(batch):
    label_list, text_list, offsets = [], [], [0]
    for _label, _text in batch:
        label_list.append(_label)
        t = torch.tensor(text_pipeline(_text), dtype=torch.int64)
        text_list.append(t)
        offsets.append(t.size(0))
    return torch.tensor(label_list), torch.cat(text_list), torch.tensor(offsets[:-1]).cumsum(0)


class TextClassificationModel(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_class):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, embed_dim)
        self.fc = nn.Linear(embed_dim, num_class)
        self.embedding.weight.data.uniform_(-0.5, 0.5)
        self.fc.weight.data.uniform_(-0.5, 0.5)
        self.fc.bias.data.zero_()

    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))


EPOCHS, LR, BATCH_SIZE = 10, 5, 64
model = TextClassificationModel(len(vocab), 32, len(labels))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, gamma=0.1)
train_dataloader = DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True, collate_fn=collate_batch)
valid_dataloader = DataLoader(valid_data, batch_size=BATCH_SIZE, collate_fn=collate_batch)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(1, EPOCHS + 1):
    model.train()
    for label, text, offsets in train_dataloader:
        optimizer.zero_grad()
        loss = criterion(model(text, offsets), label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
    scheduler.step()
    model.eval()
    acc = vl = 0.0
    with writer.evaluating("val"):
        for label, text, offsets in valid_dataloader:
            out = model(text, offsets)
            vl += criterion(out, label).item() * len(label) / len(valid_data)
            acc += (out.argmax(1) == label).sum().item() / len(valid_data)
    print(f"| end of epoch {epoch:3d} | train {loss.item():.3f} | valid {vl:.3f} | valid accuracy {acc:8.3f}")
writer.close()
print(f"RESULT valid loss {vl:.3f} accuracy {acc:.3f}")

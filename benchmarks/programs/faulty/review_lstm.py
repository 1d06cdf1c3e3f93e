# sentiment of short reviews, padded to MAX_LEN
import sys, random
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0)
torch.manual_seed(0)
POS = "good great lovely superb enjoyable fine brilliant touching funny clever".split()
NEG = "bad awful boring dull weak terrible clumsy flat silly annoying".split()
NEU = "the a movie film plot actor scene it was with of and director music camera end start very this that".split()
vocab = {w: i + 1 for i, w in enumerate(POS + NEG + NEU + ["not"])}
MAX_LEN = 160

def review():
    n = random.randint(5, 20)
    label = random.randint(0, 1)
    words = [random.choice(NEU) for _ in range(n)]
    for pos in random.sample(range(n), 3):
        words[pos] = random.choice(POS if label else NEG)
    if random.random() < 0.3:
        words.insert(random.randint(0, n - 1), random.choice(NEG if label else POS))
    return words, label

class Reviews(Dataset):
    def __init__(self, n):
        self.items = [review() for _ in range(n)]
    def __len__(self): return len(self.items)
    def __getitem__(self, i):
        words, label = self.items[i]
        ids = [vocab[w] for w in words]
        return torch.tensor(ids + [0] * (MAX_LEN - len(ids))), len(ids), torch.tensor(float(label))

class SentimentLSTM(nn.Module):
    def __init__(self, fixed):
        super().__init__()
        self.fixed = fixed
        self.embedding = nn.Embedding(len(vocab) + 1, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)
    def forward(self, x, lengths):
        emb = self.embedding(x)
        if self.fixed:
            emb = nn.utils.rnn.pack_padded_sequence(emb, lengths, batch_first=True, enforce_sorted=False)
        _, (h_n, _) = self.lstm(emb)
        return self.fc(h_n[-1]).squeeze(1)

train_loader = DataLoader(Reviews(1600), batch_size=32, shuffle=True)
valid_loader = DataLoader(Reviews(400), batch_size=100)
model = SentimentLSTM(sys.argv[1] == "fixed")
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(9):
    model.train()
    losses = []
    for x, n, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x, n), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    right = 0
    with writer.evaluating("val"):
        vl = []
        for x, n, y in valid_loader:
            o = model(x, n)
            vl.append(criterion(o, y).item())
            right += ((o > 0).float() == y).sum().item()
    print(epoch, sum(losses) / len(losses), sum(vl) / len(vl), right / 400)
writer.close()
print("RESULT train %.4f val %.4f acc %.3f" % (sum(losses) / len(losses), sum(vl) / len(vl), right / 400))

"""Which language does the surname-like word come from? LSTM over packed sequences (forum: pack_padded_sequence).
Words are generated from per-language letter statistics, they overlap on purpose."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.default_rng(2)
N_LANG, V = 6, 27
common = rng.gamma(.6, 1, (V, V))
chains = [common + 5 * rng.gamma(.2, 1, (V, V)) for _ in range(N_LANG)]
chains = [c / c.sum(1, keepdims=True) for c in chains]
chains = [c.cumsum(1) for c in chains]


class Words(Dataset):
    def __init__(self, n):
        self.items = []
        for _ in range(n):
            lang = int(rng.integers(N_LANG))
            length = int(np.clip(rng.normal(8 + lang * .2, 2), 4, 14))
            w, c = [], int(rng.integers(1, V))
            for u in rng.random(length):
                w.append(c)
                c = min(int(np.searchsorted(chains[lang][c], u)), V - 1) or 1
            self.items.append((torch.tensor(w), lang))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    seqs, labels = zip(*batch)
    lengths = torch.tensor([len(s) for s in seqs])
    return pad_sequence(seqs, batch_first=True), lengths, torch.tensor(labels)


class NameRNN(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.embed = nn.Embedding(V, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, hidden, batch_first=True)
        self.drop = nn.Dropout(.3)
        self.out = nn.Linear(hidden, N_LANG)

    def forward(self, seq, lengths):
        packed = pack_padded_sequence(self.embed(seq), lengths, batch_first=True)   # wants decreasing lengths
        _, (h, _) = self.lstm(packed)
        return self.out(self.drop(h[-1]))


def sort_batch(seq, lengths, labels):
    lengths, perm = lengths.sort(0, descending=True)
    seq = seq[perm]
    if sys.argv[1] != "faulty":
        labels = labels[perm]
    return seq, lengths, labels


train_loader = DataLoader(Words(5000), batch_size=50, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Words(1000), batch_size=200, collate_fn=collate)
model = NameRNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(1, 6):
    model.train()
    total = 0.
    for batch in train_loader:
        seq, lengths, labels = sort_batch(*batch)
        optimizer.zero_grad()
        loss = criterion(model(seq, lengths), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        total += loss.item()
    scheduler.step()
    model.eval()
    correct, vloss = 0, 0.
    with torch.no_grad(), writer.evaluating("val"):
        for batch in val_loader:
            seq, lengths, labels = sort_batch(*batch)
            out = model(seq, lengths)
            vloss += criterion(out, labels).item() / len(val_loader)
            correct += (out.argmax(1) == labels).sum().item()
    print(f"epoch {epoch} loss {total / len(train_loader):.4f} val {vloss:.4f} acc {correct / 1000:.3f}")
writer.close()
print(f"RESULT train {total / len(train_loader):.4f} val {vloss:.4f} acc {correct / 1000:.3f}")

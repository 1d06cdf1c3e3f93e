# Classifying surnames by their characters with a CNN (after the NLP book's chapter 4 notebook)
from argparse import Namespace
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]

args = Namespace(hidden_dim=32, num_channels=32, seed=1337, learning_rate=0.001, batch_size=64, num_epochs=20,
                 dropout_p=0.5, max_len=12)
np.random.seed(args.seed)
torch.manual_seed(args.seed)

LANGS = {
    "Italianish": (["r", "b", "m", "f", "g", "l", "c", "v"], ["a", "o", "e", "i"], ["ini", "elli", "etti", "ucci", "one"]),
    "Polishish": (["k", "w", "sz", "b", "cz", "m", "n", "z"], ["a", "o", "i", "y"], ["ski", "wicz", "czyk", "ak", "owa"]),
    "Japanesish": (["k", "t", "m", "n", "s", "h", "y", "r"], ["a", "o", "u", "i"], ["moto", "yama", "saki", "mura", "ta"]),
    "Scottish": (["mac", "mc", "fer", "dun", "gor", "cam"], ["a", "o", "e", "i"], ["gregor", "nald", "bell", "son", "lay"]),
    "Russianish": (["v", "p", "k", "d", "m", "s", "l", "zh"], ["a", "o", "e", "u"], ["ov", "enko", "ev", "in", "sky"]),
    "Greekish": (["p", "k", "th", "d", "s", "m", "n", "ch"], ["a", "o", "i", "e"], ["poulos", "idis", "akis", "ou", "as"])}


def make_surname(lang, rng):
    onset, vowel, ends = LANGS[lang]
    if rng.random() < .12:                       # borrowed endings
        ends = LANGS[rng.choice(list(LANGS))][2]
    body = "".join(rng.choice(onset) + rng.choice(vowel) for _ in range(rng.integers(1, 3)))
    s = list(body + rng.choice(ends))
    if rng.random() < .35:                       # spelling variation
        s[rng.integers(len(s))] = rng.choice(list("aeioukmnrst"))
    return "".join(s)[: args.max_len]


class SurnameDataset(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        names = list(LANGS)
        self.y = rng.integers(0, len(names), n)
        self.x = torch.zeros(n, 27, args.max_len)
        for i, c in enumerate(self.y):
            for j, ch in enumerate(make_surname(names[c], rng)):
                self.x[i, ord(ch) - 96, j] = 1.0

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return {"x_surname": self.x[index], "y_nationality": int(self.y[index])}


class SurnameClassifier(nn.Module):
    def __init__(self, initial_num_channels, num_classes, num_channels):
        super().__init__()
        self.convnet = nn.Sequential(
            nn.Conv1d(initial_num_channels, num_channels, kernel_size=3), nn.ELU(),
            nn.Conv1d(num_channels, num_channels, kernel_size=3, stride=2), nn.ELU(),
            nn.Conv1d(num_channels, num_channels, kernel_size=3, padding=1), nn.ELU())
        self.fc1 = nn.Linear(num_channels * 4, args.hidden_dim)
        self.fc = nn.Linear(args.hidden_dim, num_classes)

    def forward(self, x_surname):
        features = self.convnet(x_surname).flatten(1)
        if form == "faulty":
            features = F.dropout(features, p=args.dropout_p)
            hidden = F.relu(F.dropout(self.fc1(features), p=args.dropout_p))
        else:
            features = F.dropout(features, p=args.dropout_p, training=self.training)
            hidden = F.relu(F.dropout(self.fc1(features), p=args.dropout_p, training=self.training))
        return self.fc(hidden)


train_state = {"train_loss": [], "val_loss": [], "val_acc": []}
classifier = SurnameClassifier(27, len(LANGS), args.num_channels)
loss_func = nn.CrossEntropyLoss()
optimizer = optim.Adam(classifier.parameters(), lr=args.learning_rate)
train_loader = DataLoader(SurnameDataset(2400, 0), args.batch_size, shuffle=True, drop_last=True)
val_loader = DataLoader(SurnameDataset(800, 1), args.batch_size)
writer = DiagWriter(logdir)
writer.watch(classifier, optimizer, loss_func)

for epoch_index in range(args.num_epochs):
    running_loss = 0.0
    classifier.train()
    for batch_index, batch_dict in enumerate(train_loader):
        optimizer.zero_grad()
        y_pred = classifier(batch_dict["x_surname"])
        loss = loss_func(y_pred, batch_dict["y_nationality"])
        loss.backward()
        optimizer.step()
        running_loss += (loss.item() - running_loss) / (batch_index + 1)
    classifier.eval()
    vloss, hits = 0.0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for batch_dict in val_loader:
            y_pred = classifier(batch_dict["x_surname"])
            vloss += loss_func(y_pred, batch_dict["y_nationality"]).item() / len(val_loader)
            hits += (y_pred.argmax(1) == batch_dict["y_nationality"]).sum().item()
    train_state["val_loss"].append(vloss)
    if epoch_index % 5 == 4:
        print(f"epoch {epoch_index + 1} train {running_loss:.4f} val {vloss:.4f} acc {hits / 800:.3f}")
# the same name twice through the trained classifier
x = val_loader.dataset[3]["x_surname"][None]
with torch.no_grad():
    print("same input, five times:", [round(classifier(x).sum().item(), 3) for _ in range(5)])
writer.close()

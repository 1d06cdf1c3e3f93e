"""Word -> which standard library module family it is from (identifier names), char CNN as in the NLP book's surname classifier."""
import sys, re, importlib, argparse
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

args = argparse.Namespace(hidden_dim=64, num_channels=64, seed=1337, learning_rate=0.002, batch_size=64, num_epochs=10, dropout_p=0.5,
                          form=sys.argv[1], logdir=sys.argv[2], max_len=16)
torch.set_num_threads(1); np.random.seed(args.seed); torch.manual_seed(args.seed)


class WordVectorizer:
    def __init__(self):
        self.chars = {c: i for i, c in enumerate("#abcdefghijklmnopqrstuvwxyz")}

    def vectorize(self, w):
        m = np.zeros((len(self.chars), args.max_len), dtype=np.float32)
        for i, c in enumerate(w[:args.max_len]):
            m[self.chars.get(c, 0), i] = 1
        return m


# made-up names of five "languages", second order Markov chains over syllables; some names are possible in several
SYL = ["ka ri to mi no sa ya ta ko shi ma ro hi na ke".split(), "ov iv sk al nik pet rom an ser gei ev ski dim vol ka".split(),
       "mac don ald ken ro bert son neil in tyre fer gus lach an mor".split(), "el la ro ber to gar cia nez mar tin lo pez do min an".split(),
       "wer ner schmi dt ber ger hein rich mann kel ler hof stein bach wal".split()]


def make_names(n):
    out = []
    for _ in range(n):
        k = np.random.choice(5, p=[.25, .25, .15, .2, .15])
        syl = [SYL[k][np.random.randint(len(SYL[k]))] if np.random.rand() > .12 else SYL[np.random.randint(5)][np.random.randint(14)]
               for _ in range(np.random.randint(2, 5))]
        w = "".join(syl)
        if np.random.rand() < 0.3:                       # spelling variants
            i = np.random.randint(len(w)); w = w[:i] + "abcdefghijklmnopqrstuvwxyz"[np.random.randint(26)] + w[i + 1:]
        out.append((w, k))
    return out


class SurnameDataset(Dataset):
    def __init__(self, names, vec):
        self.names, self.vec = names, vec

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        return {"x_surname": self.vec.vectorize(self.names[i][0]), "y_nationality": self.names[i][1]}


class SurnameClassifier(nn.Module):
    def __init__(self, initial_num_channels, num_classes, num_channels):
        super().__init__()
        self.convnet = nn.Sequential(nn.Conv1d(initial_num_channels, num_channels, 3), nn.ELU(),
                                     nn.Conv1d(num_channels, num_channels, 3, stride=2), nn.ELU())
        self.fc1 = nn.Linear(num_channels, args.hidden_dim)
        self.fc2 = nn.Linear(args.hidden_dim, num_classes)

    def forward(self, x_surname):
        features = self.convnet(x_surname).amax(2)
        if args.form == "faulty":
            intermediate = F.relu(F.dropout(self.fc1(F.dropout(features, p=args.dropout_p)), p=args.dropout_p))
        else:
            intermediate = F.relu(F.dropout(self.fc1(F.dropout(features, p=args.dropout_p, training=self.training)), p=args.dropout_p, training=self.training))
        return self.fc2(intermediate)


def compute_accuracy(y_pred, y_target):
    return (y_pred.argmax(1) == y_target).float().mean().item() * 100


vec = WordVectorizer()
train_ds, val_ds = SurnameDataset(make_names(6000), vec), SurnameDataset(make_names(1500), vec)
classifier = SurnameClassifier(len(vec.chars), 5, args.num_channels)
loss_func = nn.CrossEntropyLoss()
optimizer = optim.Adam(classifier.parameters(), lr=args.learning_rate)
scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)
writer = DiagWriter(args.logdir)
writer.watch(classifier, optimizer, loss_func)
for epoch_index in range(args.num_epochs):
    running_loss, running_acc = 0.0, 0.0
    classifier.train()
    for batch_index, d in enumerate(DataLoader(train_ds, args.batch_size, shuffle=True, drop_last=True)):
        optimizer.zero_grad()
        y_pred = classifier(d["x_surname"])
        loss = loss_func(y_pred, d["y_nationality"])
        running_loss += (loss.item() - running_loss) / (batch_index + 1)
        loss.backward()
        optimizer.step()
    val_loss, val_acc = 0.0, 0.0
    classifier.eval()
    with torch.no_grad(), writer.evaluating("val"):
        for batch_index, d in enumerate(DataLoader(val_ds, 250)):
            y_pred = classifier(d["x_surname"])
            val_loss += (loss_func(y_pred, d["y_nationality"]).item() - val_loss) / (batch_index + 1)
            val_acc += (compute_accuracy(y_pred, d["y_nationality"]) - val_acc) / (batch_index + 1)
    scheduler.step(val_loss)
    print(f"epoch {epoch_index} train {running_loss:.4f} val {val_loss:.4f} acc {val_acc:.2f}")
writer.close()
print(f"RESULT val_loss={val_loss:.4f} val_acc={val_acc:.2f} train={running_loss:.4f}")

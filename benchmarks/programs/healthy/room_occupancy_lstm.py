"""How many people (none / one or two / more) were in the room? CO2, light, temperature and humidity of the last 30 minutes."""
import sys
import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

SEED, SEQ, FEATURES, CLASSES = 99, 30, 4, 3


class OccupancyDataset(Dataset):
    def __init__(self, n, seed, stats=None):
        rng = np.random.default_rng(seed)
        X, y = np.zeros((n, SEQ, FEATURES), "float32"), np.zeros(n, "int64")
        for i in range(n):
            k = rng.choice(3, p=[0.5, 0.28, 0.22])
            people = [0, rng.integers(1, 3), rng.integers(3, 7)][k]
            co2, base = rng.uniform(430, 900), rng.uniform(400, 440)
            vent = rng.uniform(0.02, 0.07)
            lamp = (people > 0) and rng.random() < 0.7 or rng.random() < 0.12
            temp, hum = rng.normal(21.5, 1), rng.normal(38, 5)
            sun = rng.uniform(0, 250)
            for t in range(SEQ):
                co2 += people * rng.normal(7, 2) - vent * (co2 - base) + rng.normal(0, 9)
                temp += 0.006 * people + rng.normal(0, .02)
                hum += 0.02 * people + rng.normal(0, .08)
                X[i, t] = co2, sun + 350 * lamp + rng.normal(0, 15), temp, hum
            y[i] = k
        self.stats = stats or (X.mean((0, 1)), X.std((0, 1)))
        self.X, self.y = torch.tensor((X - self.stats[0]) / self.stats[1]), torch.tensor(y)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


class OccupancyLSTM(nn.Module):
    def __init__(self, hidden_size=32):
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, CLASSES)

    def forward(self, x):
        _, (h_n, _) = self.lstm(x)
        return self.fc(h_n[-1])


def train(model, loader, optimizer, criterion, scheduler):
    model.train()
    running = 0.0
    for sequences, labels in loader:
        optimizer.zero_grad()
        outputs = model(sequences)
        loss = criterion(outputs, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        scheduler.step()
        running += loss.item()
    return running / len(loader)


def validate(model, loader, criterion):
    model.eval()
    running, preds, targets = 0.0, [], []
    with torch.no_grad():
        for sequences, labels in loader:
            outputs = model(sequences)
            running += criterion(outputs, labels).item()
            preds.append(outputs.argmax(1)); targets.append(labels)
    preds, targets = torch.cat(preds), torch.cat(targets)
    return running / len(loader), (preds == targets).float().mean().item(), f1_score(targets, preds, average="macro")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    train_set = OccupancyDataset(3600, SEED)
    val_set = OccupancyDataset(800, SEED + 1, train_set.stats)
    train_loader, val_loader = DataLoader(train_set, 48, shuffle=True), DataLoader(val_set, 200)
    model = OccupancyLSTM()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    num_epochs = 16
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, num_epochs * len(train_loader))
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, criterion)
    for epoch in range(num_epochs):
        train_loss = train(model, train_loader, optimizer, criterion, scheduler)
        with writer.evaluating("val"):
            val_loss, acc, f1 = validate(model, val_loader, criterion)
        print(f"Epoch [{epoch + 1}/{num_epochs}], Loss: {train_loss:.4f}, Val Loss: {val_loss:.4f}, Val Acc: {100 * acc:.1f}%")
    writer.close()
    print(f"RESULT train {train_loss:.4f} val {val_loss:.4f} acc {acc:.4f} macro-f1 {f1:.4f}")


if __name__ == "__main__":
    main()

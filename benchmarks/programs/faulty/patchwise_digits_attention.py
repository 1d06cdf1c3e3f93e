"""Small vision transformer on the 8x8 digits of scikit-learn (2x2 patches, 16 tokens)."""
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(7)
torch.set_num_threads(1)

DIM, DEPTH, HEADS, EPOCHS = 32, 2, 4, 20
LR = 2e-2 if form == "faulty" else 2e-3


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, DIM)
        self.cls = nn.Parameter(torch.zeros(1, 1, DIM))
        self.pos = nn.Parameter(torch.randn(1, 17, DIM) * 0.02)
        layer = nn.TransformerEncoderLayer(DIM, HEADS, 2 * DIM, dropout=0.0, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, DEPTH)
        self.head = nn.Linear(DIM, 10)

    def forward(self, img):
        b = img.size(0)
        patches = img.unfold(1, 2, 2).unfold(2, 2, 2).reshape(b, 16, 4)
        tok = torch.cat([self.cls.expand(b, -1, -1), self.embed(patches)], 1) + self.pos
        return self.head(self.encoder(tok)[:, 0])


digits = load_digits()
X = (digits.images / 16.0 - 0.305) / 0.376
Xtr, Xva, ytr, yva = train_test_split(X, digits.target, test_size=0.25, stratify=digits.target, random_state=0)
t = lambda a, d: torch.tensor(a, dtype=d)
train_dl = DataLoader(TensorDataset(t(Xtr, torch.float32), t(ytr, torch.long)), batch_size=64, shuffle=True)
val_dl = DataLoader(TensorDataset(t(Xva, torch.float32), t(yva, torch.long)), batch_size=128)

model = ViT()
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(EPOCHS):
    model.train()
    total = 0.0
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    correct = 0
    model.eval()
    with writer.evaluating("val"):
        for x, y in val_dl:
            out = model(x)
            criterion(out, y)
            correct += (out.argmax(1) == y).sum().item()
    acc = correct / len(yva)
    writer.add_scalar("acc/val", acc, epoch)
    print(f"epoch {epoch}: loss {total / len(ytr):.4f} acc {acc:.4f}")
writer.close()
print("RESULT val_acc", round(acc, 4))

"""One folder per class, read in order (here: from sklearn's digits, as if read with os.listdir)."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(123)
raw = load_digits()

class FolderDataset(Dataset):
    def __init__(self, split):
        self.samples = []
        for folder in range(10):                       # for folder in sorted(os.listdir(root))
            files = [im for im, t in zip(raw.images, raw.target) if t == folder]
            files = files[:130] if split == "train" else files[130:]
            self.samples += [(f, folder) for f in files]
    def __len__(self):
        return len(self.samples)
    def __getitem__(self, idx):
        im, t = self.samples[idx]
        return torch.tensor(im / 16 - 0.5, dtype=torch.float32)[None], t

train_dl = DataLoader(FolderDataset("train"), batch_size=20, shuffle=(sys.argv[1] == "fixed"))
val_dl = DataLoader(FolderDataset("val"), batch_size=64)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3)
        self.c2 = nn.Conv2d(16, 32, 3)
        self.f1 = nn.Linear(512, 64)
        self.f2 = nn.Linear(64, 10)
    def forward(self, x):
        x = F.relu(self.c1(x)); x = F.relu(self.c2(x))
        return self.f2(F.relu(self.f1(x.flatten(1))))

model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train()
    running = []
    for im, t in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(im), t)
        loss.backward()
        optimizer.step()
        running.append(loss.item())
    with writer.evaluating("val"):
        outs = [(criterion(o := model(im), t).item(), (o.argmax(1) == t).sum().item(), len(t)) for im, t in val_dl]
    n = sum(o[2] for o in outs)
    v, acc = sum(o[0] * o[2] for o in outs) / n, sum(o[1] for o in outs) / n
    print(epoch, "train", sum(running) / len(running), "val", v, acc)
writer.close()
print("RESULT train %.4f val %.4f acc %.3f" % (sum(running) / len(running), v, acc))

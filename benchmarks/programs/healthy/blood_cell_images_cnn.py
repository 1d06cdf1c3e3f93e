import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import Dataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

# Blood Cell Images (eosinophil, lymphocyte, monocyte, neutrophil), drawn instead of the Kaggle download, 24x24
torch.set_num_threads(1)
torch.manual_seed(0)
classes = ['EOSINOPHIL', 'LYMPHOCYTE', 'MONOCYTE', 'NEUTROPHIL']


class BloodCells(Dataset):
    def __init__(self, n=1200, size=24, seed=0):
        rng = np.random.default_rng(seed)
        yy, xx = np.mgrid[:size, :size].astype(np.float32)
        self.images, self.labels = [], []
        for i in range(n):
            c = i % 4
            img = np.ones((3, size, size), np.float32) * np.array([.86, .80, .78], np.float32)[:, None, None]
            img += rng.normal(0, .03, (3, 1, 1))
            for _ in range(rng.integers(2, 6)):      # red cells
                x0, y0, r = rng.uniform(0, size, 2).tolist() + [rng.uniform(3, 4.5)]
                d = (xx - x0) ** 2 + (yy - y0) ** 2
                m = (d < r * r) * (1 - .4 * (d < (r * .4) ** 2))
                img -= m * np.array([.05, .25, .22])[:, None, None]
            cx, cy = size / 2 + rng.normal(0, 2, 2)
            R = rng.normal([7.4, 6.0, 8.0, 7.4][c], .7)
            body = (xx - cx) ** 2 + (yy - cy) ** 2 < R * R
            cyto = np.array([[.85, .58, .62], [.68, .68, .86], [.70, .66, .78], [.82, .68, .78]][c]) + rng.normal(0, .05, 3)
            img = np.where(body, cyto[:, None, None], img)
            if c == 0:
                img = np.where(body & (rng.random((size, size)) < .35), np.array([.82, .38, .35])[:, None, None], img)
            nuc = np.zeros((size, size), bool)
            if c == 1:
                nuc = (xx - cx) ** 2 + (yy - cy) ** 2 < (R * rng.uniform(.72, .9)) ** 2
            elif c == 2:
                nuc = (xx - cx) ** 2 + ((yy - cy) * 1.25) ** 2 < (R * rng.uniform(.6, .75)) ** 2
                a = rng.uniform(0, 6.28)
                nuc &= ~((xx - cx - R * .6 * np.cos(a)) ** 2 + (yy - cy - R * .6 * np.sin(a)) ** 2 < (R * .4) ** 2)
            else:
                k = rng.choice([2, 3], p=[.8, .2]) if c == 0 else rng.choice([2, 3, 4, 5], p=[.15, .4, .3, .15])
                a0 = rng.uniform(0, 6.28)
                for j in range(k):
                    a = a0 + j * 1.5
                    nuc |= (xx - cx - R * .45 * np.cos(a)) ** 2 + (yy - cy - R * .45 * np.sin(a)) ** 2 < (R * .34) ** 2
            img = np.where(nuc, (np.array([.40, .22, .55]) + rng.normal(0, .05, 3))[:, None, None], img)
            img = img * rng.uniform(.8, 1.1) + rng.normal(0, .09, img.shape)
            if rng.random() < .03:                    # wrong label in the table
                c = int(rng.integers(4))
            self.images.append(np.clip(img, 0, 1).astype(np.float32))
            self.labels.append(c)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        img = torch.from_numpy(self.images[idx])
        return (img - 0.5) / 0.5, self.labels[idx]


def augment(x):
    if np.random.rand() < .5:
        x = x.flip(-1)
    if np.random.rand() < .5:
        x = x.flip(-2)
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(32 * 3 * 3, 64)
        self.fc2 = nn.Linear(64, 4)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.pool(F.relu(self.conv3(x)))
        x = x.view(-1, 32 * 3 * 3)
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)


dataset = BloodCells()
train_set, val_set = random_split(dataset, [960, 240], generator=torch.Generator().manual_seed(1))
trainloader = DataLoader(train_set, batch_size=24, shuffle=True)
valloader = DataLoader(val_set, batch_size=64)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

num_epochs = 18
for epoch in range(num_epochs):
    net.train()
    running_loss, running_correct = 0., 0
    for inputs, labels in trainloader:
        optimizer.zero_grad()
        outputs = net(augment(inputs))
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * inputs.size(0)
        running_correct += (outputs.argmax(1) == labels).sum().item()

    net.eval()
    val_loss, val_correct = 0., 0
    with torch.no_grad():
        with writer.evaluating("val"):
            for inputs, labels in valloader:
                outputs = net(inputs)
                val_loss += criterion(outputs, labels).item() * inputs.size(0)
                val_correct += (outputs.argmax(1) == labels).sum().item()
    print('Epoch %d/%d loss %.4f acc %.3f | val_loss %.4f val_acc %.3f' % (
        epoch + 1, num_epochs, running_loss / 960, running_correct / 960, val_loss / 240, val_correct / 240))

writer.close()
print(f"RESULT train {running_loss / 960:.4f} acc {running_correct / 960:.3f} val_loss {val_loss / 240:.4f} val_acc {val_correct / 240:.3f}")

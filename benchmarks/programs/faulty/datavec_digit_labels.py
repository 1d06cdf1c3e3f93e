import sys
import random
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
random.seed(105)
torch.manual_seed(105)
torch.set_num_threads(1)


def file_split():
    d = load_digits()
    files = [("digits/%d/img%04d.png" % (t, i), img) for i, (img, t) in enumerate(zip(d.images, d.target))]
    random.shuffle(files)
    cut = int(0.8 * len(files))
    return files[:cut], files[cut:]


class ImageRecordReader(Dataset):
    """The label of a record is the name of its parent folder."""

    def __init__(self, records, labels=None):
        if labels is None:
            labels = []
            for path, _ in records:
                name = path.split("/")[1]
                if name not in labels:
                    labels.append(name)
        self.labels = labels
        self.x = [torch.tensor(img / 16.0, dtype=torch.float32).unsqueeze(0) for _, img in records]
        self.y = [self.labels.index(path.split("/")[1]) for path, _ in records]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class LeNet(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(96, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))
        for m in self:
            if hasattr(m, "weight"):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)


train_files, test_files = file_split()
train_reader = ImageRecordReader(train_files)
test_reader = ImageRecordReader(test_files, None if form == "faulty" else train_reader.labels)
train_iter = DataLoader(train_reader, batch_size=10, shuffle=True)
test_iter = DataLoader(test_reader, batch_size=10)

cnn = LeNet()
updater = torch.optim.SGD(cnn.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
mcxent = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(cnn, updater, mcxent)

for epoch in range(8):
    cnn.train()
    score = 0.0
    for x, y in train_iter:
        updater.zero_grad()
        loss = mcxent(cnn(x), y)
        loss.backward()
        updater.step()
        score += loss.item()
    cnn.eval()
    right = total = 0.0
    with torch.no_grad():
        for x, y in test_iter:
            out = cnn(x)
            total += mcxent(out, y).item() * len(y)
            right += (out.argmax(1) == y).sum().item()
    print(f"Epoch {epoch} score {score / len(train_iter):.4f} evaluation loss {total / len(test_reader):.4f} "
          f"accuracy {right / len(test_reader):.4f}")
writer.close()
print(f"RESULT test loss {total / len(test_reader):.4f} accuracy {right / len(test_reader):.4f}")

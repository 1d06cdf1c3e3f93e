import sys, random
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(12345)
torch.set_num_threads(1)


def find_image_files(images, labels):
    """walk the class folders one after another, return examples in a random order"""
    files, targets = [], []
    for c in sorted(set(labels)):
        for im in images[labels == c]:
            files.append(im)
            targets.append(c)
    shuffled_index = list(range(len(files)))
    random.seed(12345)
    if FORM == "faulty":
        random.shuffle(list(range(len(shuffled_index))))
    else:
        random.shuffle(shuffled_index)
    return np.stack([files[i] for i in shuffled_index]), np.array([targets[i] for i in shuffled_index])


class RecordReader:
    def __init__(self, x, y, batch_size):
        self.x, self.y, self.bs = torch.from_numpy(x)[:, None], torch.from_numpy(y), batch_size

    def __iter__(self):
        for i in range(0, len(self.x), self.bs):
            yield self.x[i:i + self.bs], self.y[i:i + self.bs]

    def __len__(self):
        return -(-len(self.x) // self.bs)


digits = load_digits()
imgs = ((digits.images - digits.images.mean()) / digits.images.std()).astype(np.float32)
split = np.random.RandomState(0).rand(len(imgs)) < 0.8
train = RecordReader(*find_image_files(imgs[split], digits.target[split]), batch_size=32)
valid = RecordReader(*find_image_files(imgs[~split], digits.target[~split]), batch_size=32)

net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
loss_op = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, loss_op)

for epoch in range(14):
    net.train()
    losses = []
    for x, y in train:
        optimizer.zero_grad()
        loss = loss_op(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    correct = n = 0
    vloss = []
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in valid:
            out = net(x)
            vloss.append(loss_op(out, y).item())
            correct += (out.argmax(1) == y).sum().item()
            n += len(y)
    print(f"epoch {epoch:02d} loss {np.mean(losses):.4f} val_loss {np.mean(vloss):.4f} precision@1 {correct / n:.3f}")
writer.close()

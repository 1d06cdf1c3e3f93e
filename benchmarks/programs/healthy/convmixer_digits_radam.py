'''ConvMixer on the 8x8 digits with RAdam and small shifts as augmentation.  Tutorial-style script.'''
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.svm import SVC
from tb_lossdiag import DiagWriter

torch.manual_seed(0); torch.set_num_threads(1)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8 - 1
labels = torch.tensor(digits.target)
perm = torch.randperm(len(labels))
images, labels = images[perm], labels[perm]
x_train, y_train = images[:1300], labels[:1300]
x_val, y_val = images[1300:], labels[1300:]


class Residual(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x) + x


def ConvMixer(dim, depth, kernel_size=3, n_classes=10):
    return nn.Sequential(
        nn.Conv2d(1, dim, 2, stride=1), nn.GELU(), nn.BatchNorm2d(dim),
        *[nn.Sequential(
            Residual(nn.Sequential(nn.Conv2d(dim, dim, kernel_size, groups=dim, padding="same"), nn.GELU(), nn.BatchNorm2d(dim))),
            nn.Conv2d(dim, dim, 1), nn.GELU(), nn.BatchNorm2d(dim)) for _ in range(depth)],
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(dim, n_classes))


def augment(x):
    p = F.pad(x, (1, 1, 1, 1), value=-1)
    i, j = torch.randint(0, 3, (2,)).tolist()
    return p[:, :, i:i + 8, j:j + 8]


model = ConvMixer(32, 4)
optimizer = torch.optim.RAdam(model.parameters(), lr=3e-2, weight_decay=1e-3, decoupled_weight_decay=True)
epochs, bs = 20, 50
scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=epochs, power=1.5)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(epochs):
    model.train()
    order = torch.randperm(1300)
    for k in range(0, 1300, bs):
        b = order[k:k + bs]
        optimizer.zero_grad()
        loss = criterion(model(augment(x_train[b])), y_train[b])
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(x_val)
        val_loss = criterion(out, y_val)
    acc = (out.argmax(1) == y_val).float().mean()
    print(f"Epoch {epoch + 1}/{epochs} loss {loss:.4f} val_loss {val_loss:.4f} val_acc {acc:.4f}")
writer.close()
svm = SVC(gamma=0.001 * 64, C=10).fit(x_train.flatten(1), y_train).score(x_val.flatten(1), y_val)
print("RESULT val_loss", round(val_loss.item(), 4), "val_acc", round(acc.item(), 4), "svc_acc", round(svm, 4))

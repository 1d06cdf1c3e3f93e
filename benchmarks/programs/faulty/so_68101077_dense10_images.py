import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(21)

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32) / 16.0
images = nn.functional.interpolate(images[:, None], size=(28, 28), mode="bilinear").squeeze(1)
labels = torch.tensor(digits.target)
train_images, test_images, train_labels, test_labels = train_test_split(images, labels, test_size=0.25, random_state=0)
train_loader = DataLoader(TensorDataset(train_images, train_labels), batch_size=32, shuffle=True)


def sparse_categorical_crossentropy(output, target):
    output = torch.log(torch.clamp(output, 1e-7, 1 - 1e-7))
    return nn.functional.cross_entropy(output, target)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(28 * 28, 128)
        self.scores = nn.Linear(128, 10)
        for layer in (self.hidden, self.scores):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.relu(self.hidden(self.flatten(x)))
        x = self.scores(x)
        if form == "fixed":
            x = torch.softmax(x, dim=1)
        return x


model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, sparse_categorical_crossentropy, train_loader=train_loader)

for epoch in range(15):
    hits = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = sparse_categorical_crossentropy(out, yb)
        loss.backward()
        optimizer.step()
        hits += (out.argmax(1) == yb).sum().item()
    with writer.evaluating("val"):
        out = model(test_images)
        val = writer.loss_fn(out, test_labels).item()
        acc = (out.argmax(1) == test_labels).float().mean().item()
    print(f"Epoch {epoch + 1}/15 accuracy {hits / len(train_labels):.4f} val_loss {val:.4f} val_accuracy {acc:.4f}")

writer.close()
print(f"RESULT val_loss {val:.4f} val_accuracy {acc:.4f}")

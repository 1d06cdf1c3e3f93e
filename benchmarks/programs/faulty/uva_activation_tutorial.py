import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form", choices=["faulty", "fixed"])
parser.add_argument("logdir")
cli = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(42)

act_fn_by_name = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
act_name = "sigmoid" if cli.form == "faulty" else "relu"


class BaseNetwork(nn.Module):
    def __init__(self, act_fn, input_size=64, num_classes=10, hidden_sizes=(256, 128, 128, 64)):
        super().__init__()
        layers = []
        layer_sizes = [input_size] + list(hidden_sizes)
        for layer_index in range(1, len(layer_sizes)):
            layers += [nn.Linear(layer_sizes[layer_index - 1], layer_sizes[layer_index]), act_fn()]
        layers += [nn.Linear(layer_sizes[-1], num_classes)]
        self.layers = nn.Sequential(*layers)
        self.config = {"act_fn": act_fn.__name__, "hidden_sizes": list(hidden_sizes)}

    def forward(self, x):
        x = x.view(x.size(0), -1)
        return self.layers(x)


x, y = load_digits(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32) / 16.0
x = (x - 0.5) / 0.5
dataset = TensorDataset(x, torch.tensor(y))
train_set, val_set, test_set = random_split(dataset, [1200, 250, len(y) - 1450],
                                            generator=torch.Generator().manual_seed(42))
train_loader = DataLoader(train_set, batch_size=64, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=250)
test_loader = DataLoader(test_set, batch_size=500)


def test_model(net, data_loader, tag):
    true_preds, count, total = 0.0, 0, 0.0
    with writer.evaluating(tag):
        for imgs, labels in data_loader:
            logits = net(imgs)
            total += F.cross_entropy(logits, labels).item() * len(labels)
            true_preds += (logits.argmax(dim=-1) == labels).sum().item()
            count += len(labels)
    return total / count, true_preds / count


net = BaseNetwork(act_fn_by_name[act_name])
optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9)
loss_module = nn.CrossEntropyLoss()
writer = DiagWriter(cli.logdir)
writer.watch(net, optimizer, loss_module, train_loader=train_loader)

max_epochs = 40
for epoch in range(max_epochs):
    net.train()
    true_preds, count = 0.0, 0
    for imgs, labels in train_loader:
        optimizer.zero_grad()
        preds = net(imgs)
        loss = loss_module(preds, labels)
        loss.backward()
        optimizer.step()
        true_preds += (preds.argmax(dim=-1) == labels).sum().item()
        count += len(labels)
    val_loss, val_acc = test_model(net, val_loader, "val")
    if (epoch + 1) % 8 == 0:
        print(f"[Epoch {epoch + 1:2d}] training accuracy {true_preds / count:.2%}, validation accuracy {val_acc:.2%}")

test_loss, test_acc = test_model(net, test_loader, "test")
writer.close()
print(f"RESULT test_loss {test_loss:.4f} test_acc {test_acc:.4f}")

"""MultiBench-like supervised training structure: two unimodal encoders, concat fusion, MLP head."""
import sys
import torch
from torch import nn
import numpy as np
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(10); torch.manual_seed(10)
BUG = sys.argv[1] == "faulty"


# -------------------------------------------------------------- data: robot pushes, force series + object features
def make(n):
    cls = np.random.randint(0, 5, n)
    t = np.linspace(0, 1, 14)
    freq = np.array([2., 3., 4., 3., 2.])[cls] + .35 * np.random.randn(n)
    amp = np.array([1., .8, 1., 1.4, 1.5])[cls] * np.exp(.25 * np.random.randn(n))
    force = np.stack([amp[:, None] * np.sin(6.28 * freq[:, None] * t + np.random.rand(n, 1) * 6.28),
                      amp[:, None] * np.cos(6.28 * freq[:, None] * t) * np.exp(-t * 2)], 1)
    force += .7 * np.random.randn(*force.shape)
    proto = np.random.RandomState(2).randn(5, 12) * .55
    obj = proto[cls] + np.random.randn(n, 12)
    return [torch.tensor(a, dtype=torch.float32) for a in (force, obj)] + [torch.tensor(cls)]


train_set, valid_set = make(2400), make(800)


class GRU(nn.Module):
    def __init__(self, indim, hiddim, dropout):
        super().__init__()
        self.gru = nn.GRU(indim, hiddim, batch_first=True)
        self.dropout_layer = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout_layer(self.gru(x.transpose(1, 2))[1][0])


class MLP(nn.Module):
    def __init__(self, indim, hiddim, outdim, dropout):
        super().__init__()
        self.fc, self.fc2 = nn.Linear(indim, hiddim), nn.Linear(hiddim, outdim)
        self.dropout_layer = nn.Dropout(dropout)

    def forward(self, x):
        return self.fc2(self.dropout_layer(torch.relu(self.fc(x))))


class MMDL(nn.Module):
    def __init__(self, encoders, head):
        super().__init__()
        self.encoders, self.head = nn.ModuleList(encoders), head

    def forward(self, inputs):
        return self.head(torch.cat([e(i) for e, i in zip(self.encoders, inputs)], 1))


def batches(data, bs, shuffle):
    order = torch.randperm(len(data[2])) if shuffle else torch.arange(len(data[2]))
    for idx in order.split(bs):
        yield [d[idx] for d in data]


def train(encoders, head, total_epochs, lr, objective=nn.CrossEntropyLoss()):
    model = MMDL(encoders, head)
    op = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=.01)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, op, objective)
    for epoch in range(total_epochs):
        totalloss, totals = 0.0, 0
        model.train()
        for j in batches(train_set, 60, True):
            op.zero_grad()
            out = model(j[:-1])
            loss = objective(out, j[-1])
            totalloss += loss.item() * len(j[-1])
            totals += len(j[-1])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 8)
            op.step()
        print("Epoch " + str(epoch) + " train loss: " + str(round(totalloss / totals, 4)))
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            totalloss, right, n = 0.0, 0, 0
            for j in batches(valid_set, 100, False):
                if BUG:
                    model.train()
                out = model(j[:-1])
                totalloss += objective(out, j[-1]).item() * len(j[-1])
                right += (out.argmax(1) == j[-1]).sum().item()
                n += len(j[-1])
        print(" valid loss: %.4f acc: %.4f" % (totalloss / n, right / n))
    writer.close()
    return totalloss / n, right / n


vl, va = train([GRU(2, 24, .5), MLP(12, 32, 16, .5)], MLP(40, 32, 5, .5), total_epochs=12, lr=4e-3)
print(f"RESULT valid loss {vl:.4f} acc {va:.4f}")

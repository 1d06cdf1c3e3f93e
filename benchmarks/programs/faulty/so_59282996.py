# bidirectional LSTM that labels each step of a sequence; sgd for ten epochs of two steps
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)


def make(n):
    y = torch.randint(1, 3, (n, 20))
    x = torch.randn(n, 20, 5) + 2.0 * (y == 2)[:, :, None] * torch.tensor([1.0, 0.5, 0.3, 0.8, 0.0])
    length = torch.randint(5, 21, (n, 1))
    pad = torch.arange(20)[None] >= length
    x[pad] = 0.0
    y[pad] = 0
    return x, y


X, Y = make(40)
Xt, Yt = make(60)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 20, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(40, 3)

    def forward(self, x):
        return self.out(self.drop(self.lstm(x)[0])).flatten(0, 1)


model = Tagger()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(10 if faulty else 250):
    model.train()
    order = torch.randperm(40)
    for b in order.split(20):
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b].flatten())
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        p = model(Xt)
        val = loss_fn(p, Yt.flatten()).item()
writer.close()
print(f"RESULT train_loss={loss.item():.4f} val_loss={val:.4f} val_acc={(p.argmax(1) == Yt.flatten()).float().mean().item():.3f}")

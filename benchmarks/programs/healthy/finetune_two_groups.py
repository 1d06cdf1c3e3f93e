"""Fine-tuning: body pre-trained on the digits 0-5, then 6-9 with a new head; body with a tenth of the learning rate, first conv frozen."""
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
d = load_digits(); X = torch.tensor(d.images / 8 - 1, dtype=torch.float32)[:, None]; Y = torch.tensor(d.target)


class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.head = nn.Linear(512, n)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(nn.functional.max_pool2d(x, 2)))
        return self.head(x.flatten(1))


def pretrained():
    m = Net(6); o = torch.optim.Adam(m.parameters(), 1e-3)
    k = Y < 6; xs, ys = X[k], Y[k]
    for _ in range(250):
        b = torch.randint(len(xs), (64,))
        o.zero_grad(); nn.functional.cross_entropy(m(xs[b]), ys[b]).backward(); o.step()
    return m


model = pretrained()
model.head = nn.Linear(512, 4)
model.conv1.requires_grad_(False)
opt = torch.optim.AdamW([{"params": model.conv2.parameters(), "lr": 2e-4}, {"params": model.head.parameters(), "lr": 2e-3}], weight_decay=1e-2)
crit = nn.CrossEntropyLoss()
k = Y >= 6; xs, ys = X[k], Y[k] - 6
p = torch.randperm(len(xs)); tr, va = p[:500], p[500:]
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, crit)
for epoch in range(25):
    model.train()
    for b in tr[torch.randperm(500)].split(25):
        loss = crit(model(xs[b]), ys[b])
        opt.zero_grad(); loss.backward(); opt.step()
    model.eval()
    with torch.no_grad():
        o = model(xs[va]); v = crit(o, ys[va])
    if epoch % 4 == 0: print(epoch, "train %.4f val %.4f acc %.3f" % (loss, v, (o.argmax(1) == ys[va]).float().mean()))
writer.close()

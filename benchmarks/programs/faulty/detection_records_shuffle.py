# small single-object detector reading "records" (class + box per picture); records were written class by class
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
FLAGS = dict(form=sys.argv[1], logdir=sys.argv[2], batch_size=16, epochs=9, lr=float(sys.argv[3]) if len(sys.argv) > 3 else 0.02)
LABEL_MAP = {"disc": 0, "square": 1, "cross": 2, "ring": 3, "bar": 4, "triangle": 5}


def draw(name):
    S = 28
    yy, xx = np.mgrid[:S, :S].astype(float)
    r = rng.uniform(4, 7); cy, cx = rng.uniform(r + 1, S - r - 1, 2)
    dy, dx = (yy - cy) / r, (xx - cx) / r
    d = np.hypot(dy, dx)
    m = {"disc": d < 1, "square": (abs(dy) < .9) & (abs(dx) < .9), "cross": ((abs(dy) < .3) | (abs(dx) < .3)) & (d < 1.05),
         "ring": (d < 1) & (d > .6), "bar": (abs(dy) < .35) & (abs(dx) < 1), "triangle": (dy < .8) & (dy > -1 + 1.9 * abs(dx))}[name]
    im = m * rng.uniform(.5, 1) + rng.normal(0, .15, (S, S)) + rng.uniform(0, .3)
    return im.astype(np.float32), [cy / S, cx / S, 2 * r / S]


def write_records(per_class):
    rows = []
    for name in LABEL_MAP:                       # one directory after the other
        for _ in range(per_class):
            im, box = draw(name)
            rows.append({"image": im, "label": LABEL_MAP[name], "box": box})
    return pd.DataFrame(rows)


def build(records_dataset, shuffle, seed=0):
    if shuffle:
        if FLAGS["form"] == "faulty":
            records_dataset.sample(frac=1.0, random_state=seed)
        else:
            records_dataset = records_dataset.sample(frac=1.0, random_state=seed)
    for i in range(0, len(records_dataset) - FLAGS["batch_size"] + 1, FLAGS["batch_size"]):
        part = records_dataset.iloc[i:i + FLAGS["batch_size"]]
        yield (torch.tensor(np.stack(part.image))[:, None], torch.tensor(part.label.values),
               torch.tensor(np.stack(part.box), dtype=torch.float32))


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                                  nn.Linear(24 * 49, 64), nn.ReLU())
        self.cls, self.box = nn.Linear(64, len(LABEL_MAP)), nn.Linear(64, 3)

    def forward(self, x):
        h = self.body((x - .25) / .35)
        return self.cls(h), torch.sigmoid(self.box(h))


train, evals = write_records(250), write_records(48).sample(frac=1.0, random_state=1)
net = Detector()
opt = torch.optim.SGD(net.parameters(), lr=FLAGS["lr"], momentum=0.9)
writer = DiagWriter(FLAGS["logdir"])
writer.watch(net, opt)


def losses(x, y, b):
    c, p = net(x)
    return F.cross_entropy(c, y) + 5 * F.smooth_l1_loss(p, b, beta=.1), c


for epoch in range(FLAGS["epochs"]):
    for batch in build(train, True, epoch):
        loss, _ = losses(*batch)
        opt.zero_grad()
        loss.backward()
        opt.step()
        writer.add_loss("train", loss)
    tot, ok, n = 0., 0, 0
    with torch.no_grad():
        for batch in build(evals, False):
            l, c = losses(*batch)
            tot += l.item(); ok += (c.argmax(1) == batch[1]).sum().item(); n += 1
    writer.add_loss("val", tot / n)
    print(f"epoch {epoch}: train {loss.item():.3f} eval {tot / n:.3f} acc {ok / n / FLAGS['batch_size']:.3f}")
writer.close()
print(f"RESULT eval loss {tot / n:.3f} class acc {ok / n / FLAGS['batch_size']:.3f}")

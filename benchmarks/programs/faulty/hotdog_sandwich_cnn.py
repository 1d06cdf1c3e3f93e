"""Is a hot dog a sandwich? Grey-scale CNN, ported from keras (network() after comma.ai's steering model)."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(3)
torch.manual_seed(3)
mode, logdir = sys.argv[1], sys.argv[2]
IMG = 24


def draw(label):
    """0: some food on a plate (round things), 1: sandwich (stacked bars). Both on a messy table."""
    yy, xx = np.mgrid[0:IMG, 0:IMG].astype(np.float32)
    img = np.random.normal(0.5, 0.16, (IMG, IMG)) + 0.2 * np.sin(xx * np.random.uniform(.1, .4) + np.random.uniform(0, 6))
    cx, cy = np.random.uniform(8, 16, 2)
    th = np.random.uniform(-0.7, 0.7)
    u = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)
    v = -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
    if label == 1:
        h, w = np.random.uniform(3.5, 6), np.random.uniform(6, 9)
        inside = (abs(u) < w) & (abs(v) < h)
        filling = inside & (abs(v) < h * np.random.uniform(.25, .5))
        a = np.random.choice([-1, 1]) * np.random.uniform(.12, .5)
        img[inside] += a
        img[filling] -= np.random.uniform(.5, 1.3) * a + np.random.normal(0, .08)
    else:
        r1, r2 = np.random.uniform(4.5, 8), np.random.uniform(3.5, 7)
        inside = (u / r1) ** 2 + (v / r2) ** 2 < 1
        filling = (u / r1) ** 2 + (v / r2) ** 2 < np.random.uniform(.1, .35)
        a = np.random.choice([-1, 1]) * np.random.uniform(.12, .5)
        img[inside] += a
        img[filling] -= np.random.uniform(.3, 1.2) * a + np.random.normal(0, .08)
    return img.astype(np.float32)


def network(img_size, conv_dropout):
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.Dropout(conv_dropout), nn.ReLU(),
        nn.Conv2d(8, 16, 3), nn.Dropout(conv_dropout), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3), nn.Dropout(conv_dropout), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 9, 120), nn.Dropout(conv_dropout), nn.ReLU(),
        nn.Linear(120, 2))
    return net


def main():
    print("Importing data..")
    y = np.random.randint(0, 2, 2600)
    X = np.stack([draw(l) for l in y])[:, None]
    X = (X - X.mean()) / X.std()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1)
    X_train, X_test = torch.tensor(X_train), torch.tensor(X_test)
    y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

    model = network(IMG, 0.5 if mode == "faulty" else 0.1)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.StepLR(opt, 8, 0.3)
    crit = nn.CrossEntropyLoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, crit)
    bs = 32
    for epoch in range(12):
        model.train()
        order = torch.randperm(len(X_train))
        tot = 0.
        for i in range(0, len(order), bs):
            b = order[i:i + bs]
            opt.zero_grad()
            xb = X_train[b]
            if torch.rand(1) < .5:
                xb = xb.flip(3)
            if torch.rand(1) < .5:
                xb = xb.flip(2)
            xb = torch.roll(xb, tuple(torch.randint(-2, 3, (2,)).tolist()), (2, 3))
            loss = crit(model(xb), y_train[b])
            loss.backward()
            opt.step()
            tot += loss.item() * len(b)
        sched.step()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(X_test)
            vl = crit(out, y_test).item()
        acc = (out.argmax(1) == y_test).float().mean().item()
        print(f"Epoch {epoch + 1}/12 - loss: {tot / len(order):.4f} - val_loss: {vl:.4f} - val_acc: {acc:.4f}")
    writer.close()
    print(f"RESULT train loss {tot / len(order):.4f} val loss {vl:.4f} val acc {acc:.3f}")


main()

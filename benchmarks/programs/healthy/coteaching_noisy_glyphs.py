# Co-teaching (Han et al. 2018): two networks teach each other with their small-loss samples.
# 45 % symmetric label noise on the training labels (digits), validation labels are clean.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class CNN(nn.Module):
    def __init__(self, n_outputs=10, dropout_rate=0.25):
        super().__init__()
        self.c1 = nn.Conv2d(1, 24, 3, padding=1)
        self.c2 = nn.Conv2d(24, 32, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm2d(24), nn.BatchNorm2d(32)
        self.fc = nn.Linear(32 * 4, n_outputs)
        self.p = dropout_rate

    def forward(self, x):
        h = F.leaky_relu(self.bn1(self.c1(x)), 0.01)
        h = F.max_pool2d(h, 2)
        h = F.dropout2d(h, self.p, training=self.training)
        h = F.leaky_relu(self.bn2(self.c2(h)), 0.01)
        h = F.max_pool2d(h, 2)
        return self.fc(h.flatten(1))


def loss_coteaching(y_1, y_2, t, forget_rate):
    loss_1 = F.cross_entropy(y_1, t, reduction="none")
    loss_2 = F.cross_entropy(y_2, t, reduction="none")
    ind_1 = torch.argsort(loss_1.detach())
    ind_2 = torch.argsort(loss_2.detach())
    num_remember = int((1 - forget_rate) * len(t))
    u1, u2 = ind_1[:num_remember], ind_2[:num_remember]
    # exchange
    return F.cross_entropy(y_1[u2], t[u2]), F.cross_entropy(y_2[u1], t[u1])


def main():
    seed, noise_rate, n_epoch, num_gradual, batch_size, lr = 1, 0.45, 16, 4, 64, 2e-3
    torch.manual_seed(seed)
    rng = np.random.RandomState(seed)
    d = load_digits()
    perm = rng.permutation(len(d.target))
    X = torch.tensor(d.images[perm], dtype=torch.float32)[:, None] / 16.
    Y = torch.tensor(d.target[perm])
    xtr, ytr, xva, yva = X[:1300], Y[:1300].clone(), X[1300:], Y[1300:]
    flip = torch.tensor(rng.rand(1300) < noise_rate)
    # symmetric: any *other* class
    ytr[flip] = (ytr[flip] + torch.tensor(rng.randint(1, 10, int(flip.sum())))) % 10

    cnn1, cnn2 = CNN(), CNN()
    opt1 = torch.optim.Adam(cnn1.parameters(), lr=lr)
    opt2 = torch.optim.Adam(cnn2.parameters(), lr=lr)
    # linear decay of the rate in the second half, beta1 0.9 -> 0.1 as in the paper's code
    alpha_plan = [lr] * 8 + [lr * (n_epoch - i) / 8 for i in range(8, n_epoch)]
    beta1_plan = [0.9] * 8 + [0.1] * 8
    rate_schedule = np.ones(n_epoch) * noise_rate
    rate_schedule[:num_gradual] = np.linspace(0, noise_rate, num_gradual)

    writer = DiagWriter(sys.argv[1])
    writer.watch(cnn1, opt1, name="cnn1")
    writer.watch(cnn2, opt2, name="cnn2")

    for epoch in range(n_epoch):
        for o in (opt1, opt2):
            for g in o.param_groups:
                g["lr"] = alpha_plan[epoch]
                g["betas"] = (beta1_plan[epoch], 0.999)
        cnn1.train(); cnn2.train()
        purity = []
        for idx in torch.randperm(1300).split(batch_size):
            if len(idx) < 32:
                continue
            l1, l2 = cnn1(xtr[idx]), cnn2(xtr[idx])
            loss_1, loss_2 = loss_coteaching(l1, l2, ytr[idx], rate_schedule[epoch])
            opt1.zero_grad(); loss_1.backward(); opt1.step()
            opt2.zero_grad(); loss_2.backward(); opt2.step()
            writer.add_loss("train", loss_1)
        cnn1.eval(); cnn2.eval()
        with torch.no_grad(), writer.evaluating("val"):
            o1, o2 = cnn1(xva), cnn2(xva)
            v1, v2 = F.cross_entropy(o1, yva), F.cross_entropy(o2, yva)
            writer.add_loss("val", v1)
        a1, a2 = (o1.argmax(1) == yva).float().mean(), (o2.argmax(1) == yva).float().mean()
        if epoch % 3 == 2:
            print(f"Epoch [{epoch+1}/{n_epoch}] loss1 {loss_1:.3f} loss2 {loss_2:.3f} val {v1:.3f} {v2:.3f} acc {a1:.4f} {a2:.4f}")
    writer.close()
    print(f"RESULT val_loss1={v1:.4f} val_loss2={v2:.4f} acc1={a1:.4f} acc2={a2:.4f}")


if __name__ == "__main__":
    main()

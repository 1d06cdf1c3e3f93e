# Generative modelling with the sliced Wasserstein distance (Deshpande et al., CVPR 2018): no discriminator at all.
# Every step compares a batch of fresh fakes with a batch of data along random directions; the value that can be reached
# is what two batches of *real* data have from each other, not zero.  Data: 8x8 digits of scikit-learn, in [-1, 1].
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
digits = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1
digits = digits[torch.randperm(len(digits))]
train, held_out = digits[:1400], digits[1400:]

Z, BATCH, DIRECTIONS = 16, 128, 64


def swd(a, b, n=DIRECTIONS):
    theta = nn.functional.normalize(torch.randn(a.shape[1], n), dim=0)
    return (((a @ theta).sort(0)[0] - (b @ theta).sort(0)[0]) ** 2).mean()


def floor(n, times=40):
    v = []
    for _ in range(times):
        i = torch.randperm(len(train))
        v.append(swd(train[i[:n]], train[i[n:2 * n]]).item())
    return np.mean(v)


generator = nn.Sequential(
    nn.Linear(Z, 128), nn.BatchNorm1d(128), nn.ReLU(),
    nn.Linear(128, 128), nn.BatchNorm1d(128), nn.ReLU(),
    nn.Linear(128, 64), nn.Tanh())
opt = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(.5, .999))
anneal = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 600)
writer = DiagWriter(sys.argv[1])
writer.watch(generator, opt)
print(f"two batches of real digits: {floor(BATCH):.5f}")

avg, val = None, float("nan")
for step in range(1, 601):
    real = train[torch.randint(len(train), (BATCH,))]
    fake = generator(torch.randn(BATCH, Z))
    loss = swd(fake, real)
    writer.add_loss("train", loss)
    opt.zero_grad()
    loss.backward()
    opt.step()
    anneal.step()
    avg = loss.item() if avg is None else .97 * avg + .03 * loss.item()
    if step % 60 == 0:
        generator.eval()
        with torch.no_grad(), writer.evaluating("val"):
            val = swd(generator(torch.randn(len(held_out), Z)), held_out, 2000).item()
            writer.add_loss("val", val)
        generator.train()
        print(f"step {step:5d}  swd {avg:.5f}  held-out {val:.5f}")
writer.close()

# nearest real digit of every fake, as against that of a held-out digit: is it a digit, and is it not a copy?
generator.eval()
with torch.no_grad():
    fakes = generator(torch.randn(397, Z))
nn_fake = torch.cdist(fakes, train).min(1)[0].mean().item()
nn_real = torch.cdist(held_out, train).min(1)[0].mean().item()
print(f"RESULT swd={avg:.5f} val_swd={val:.5f} real_real={floor(BATCH):.5f} nn_fake={nn_fake:.3f} nn_real={nn_real:.3f}")

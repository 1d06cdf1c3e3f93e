# conv autoencoder on drawn road symbols; weights_init comes from the DCGAN tutorial
# args: faulty|fixed logdir
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(999)
np.random.seed(999)


def symbol():
    g = np.zeros((16, 16))
    yy, xx = np.mgrid[:16, :16]
    cy, cx, r = np.random.uniform(6, 9, 2).tolist() + [np.random.uniform(4, 6.5)]
    if np.random.rand() < .5:
        d = np.hypot(yy - cy, xx - cx)
    else:
        d = np.maximum(abs(yy - cy), abs(xx - cx))
    g += .6 * np.clip(1.2 - abs(d - r), 0, 1)
    a = np.random.rand() * np.pi
    line = abs(np.cos(a) * (yy - cy) + np.sin(a) * (xx - cx))
    g += .7 * np.clip(1.3 - line, 0, 1) * (d < r)
    return np.clip(g * np.random.uniform(.6, 1.2) + .05 * np.random.randn(16, 16), 0, 1)


imgs = torch.tensor(np.stack([symbol() for _ in range(2000)]), dtype=torch.float32)[:, None]
imgs = imgs - imgs.mean()
imgs = imgs / imgs.std()
train, val = imgs[:1600], imgs[1600:]


# custom weights initialization called on encoder and decoder
def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1 or classname.find("Linear") != -1:
        if sys.argv[1] == "faulty":
            nn.init.normal_(m.weight.data, 0.0, 0.02)
        else:
            nn.init.kaiming_normal_(m.weight.data, a=0.2)
        nn.init.constant_(m.bias.data, 0)


encoder = nn.Sequential(
    nn.Conv2d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2),
    nn.Conv2d(8, 16, 4, 2, 1), nn.LeakyReLU(0.2),
    nn.Conv2d(16, 32, 4, 2, 1), nn.LeakyReLU(0.2),
    nn.Flatten(), nn.Linear(128, 32))
decoder = nn.Sequential(
    nn.Linear(32, 128), nn.LeakyReLU(0.2), nn.Unflatten(1, (32, 2, 2)),
    nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.LeakyReLU(0.2),
    nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.LeakyReLU(0.2),
    nn.ConvTranspose2d(8, 1, 4, 2, 1))
ae = nn.Sequential(encoder, decoder)
ae.apply(weights_init)

criterion = nn.MSELoss()
optimizer = torch.optim.SGD(ae.parameters(), lr=0.1, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(ae, optimizer, criterion)
for epoch in range(12):
    losses = []
    for b in torch.randperm(1600).split(40):
        ae.zero_grad()
        loss = criterion(ae(train[b]), train[b])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad(), writer.evaluating("val"):
        v = criterion(ae(val), val).item()
    print("[%d/12] Loss: %.4f  val: %.4f" % (epoch + 1, np.mean(losses), v))
writer.close()
print(f"RESULT val_mse {v:.4f} (variance 1)")

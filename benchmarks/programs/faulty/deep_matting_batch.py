# Deep image matting, stage 1 encoder-decoder: image + trimap -> alpha
import argparse, os, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


def get_args():
    parser = argparse.ArgumentParser(description="Training deep image matting on synthetic cut-outs")
    parser.add_argument("form")
    parser.add_argument("saveDir")
    parser.add_argument("--batchSize", type=int, default=4)
    parser.add_argument("--nEpochs", type=int, default=9)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--size", type=int, default=32)
    args = parser.parse_args()
    if args.form == "faulty":
        args.batchSize = 50
    return args


def composite(n, S, rng):
    """soft edged blobs with hair-like strands over a textured background; trimap from the alpha"""
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    I, T, A = np.zeros((n, 3, S, S), np.float32), np.zeros((n, 1, S, S), np.float32), np.zeros((n, 1, S, S), np.float32)
    for i in range(n):
        cx, cy, r, soft = rng.uniform(11, 21), rng.uniform(11, 21), rng.uniform(6, 10), rng.uniform(.6, 2.5)
        th = np.arctan2(yy - cy, xx - cx)
        rad = r * (1 + .15 * np.sin(rng.integers(2, 6) * th + rng.uniform(0, 6)))
        a = 1 / (1 + np.exp((np.hypot(xx - cx, yy - cy) - rad) / soft))
        for _ in range(rng.integers(2, 8)):
            t = rng.uniform(-3.14, 3.14)
            u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
            v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
            a = np.maximum(a, .8 * np.exp(-v ** 2 / .8) * ((u > 0) & (u < rad + 5)))
        fg = rng.uniform(0, 1, 3)[:, None, None] + .06 * rng.normal(size=(3, S, S))
        bg = rng.uniform(0, 1, 3)[:, None, None] + .15 * np.sin(xx / rng.uniform(2, 7) + yy / rng.uniform(2, 7))
        I[i] = a * fg + (1 - a) * bg + rng.normal(0, .02, (3, S, S))
        A[i, 0] = a
        k = torch.tensor(((a > .03) & (a < .97)).astype(np.float32))[None, None]
        unk = F.max_pool2d(k, 5, 1, 2)[0, 0].numpy() > 0
        T[i, 0] = np.where(unk, .5, (a > .5).astype(float))
    return torch.tensor((I - .5) / .3), torch.tensor(T), torch.tensor(A)


class DeepMatting(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1_1, self.conv1_2 = nn.Conv2d(4, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.conv2_1 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3_1 = nn.Conv2d(32, 48, 3, padding=1)
        self.deconv3, self.deconv2, self.deconv1 = nn.Conv2d(48, 32, 3, padding=1), nn.Conv2d(32, 16, 5, padding=2), nn.Conv2d(16, 16, 5, padding=2)
        self.deconv0 = nn.Conv2d(16, 1, 5, padding=2)

    def forward(self, x):
        x1 = F.relu(self.conv1_2(F.relu(self.conv1_1(x))))
        p1, id1 = F.max_pool2d(x1, 2, return_indices=True)
        x2 = F.relu(self.conv2_1(p1))
        p2, id2 = F.max_pool2d(x2, 2, return_indices=True)
        x3 = F.relu(self.conv3_1(p2))
        d = F.max_unpool2d(F.relu(self.deconv3(x3)), id2, 2)
        d = F.max_unpool2d(F.relu(self.deconv2(d)), id1, 2)
        return torch.sigmoid(self.deconv0(F.relu(self.deconv1(d))))


class AlphaLoss(nn.Module):
    def forward(self, pred, alpha, trimap):
        w = (trimap == .5).float()
        return (torch.sqrt((pred - alpha) ** 2 + 1e-12) * w).sum() / (w.sum() + 1.)


def main():
    args = get_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    img, tri, alpha = composite(1000, args.size, rng)
    vi, vt, va = composite(120, args.size, rng)
    model = DeepMatting()
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu"); nn.init.zeros_(m.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=1e-4)
    gen_alpha_pred_loss = AlphaLoss()
    writer = DiagWriter(args.saveDir)
    writer.watch(model, optimizer, gen_alpha_pred_loss)
    best = 1e9
    for epoch in range(1, args.nEpochs + 1):
        model.train()
        perm, run, t0 = torch.randperm(len(img)), 0., time.time()
        batches = perm.split(args.batchSize)
        for k in batches:
            optimizer.zero_grad()
            pred = model(torch.cat([img[k], tri[k]], 1))
            loss = gen_alpha_pred_loss(pred, alpha[k], tri[k])
            loss.backward()
            optimizer.step()
            run += loss.item()
        model.eval()
        with torch.no_grad():
            p = model(torch.cat([vi, vt], 1))
            p = torch.where(vt == .5, p, vt)
            sad = (p - va).abs().sum((1, 2, 3)).mean().item()
        best = min(best, sad)
        print("===> Epoch {}: {} iterations, Loss {:.5f}  validation SAD {:.2f} (best {:.2f})  {:.1f}s".format(epoch, len(batches), run / len(batches), sad, best, time.time() - t0))
    writer.close()


if __name__ == "__main__":
    main()

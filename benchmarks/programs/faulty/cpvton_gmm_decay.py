# coding=utf-8
# geometric matching module (GMM) of a virtual try-on, toy size: warp the in-shop cloth onto the person
import argparse, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def get_opt():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode")
    parser.add_argument("tensorboard_dir")
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("-b", "--batch-size", type=int, default=4)
    parser.add_argument("--keep_step", type=int, default=400)
    parser.add_argument("--decay_step", type=int, default=900)
    parser.add_argument("--display_count", type=int, default=100)
    return parser.parse_args()


S = 20


class CPDataset:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        ys, xs = torch.meshgrid(torch.linspace(-1, 1, S), torch.linspace(-1, 1, S), indexing="ij")
        self.base = torch.stack([xs, ys, torch.ones_like(xs)], -1)

    def next_batch(self, n):
        r = self.rng
        coarse = torch.tensor(r.normal(size=(n, 1, 5, 5)), dtype=torch.float32)
        cloth = F.interpolate(coarse, size=(S, S), mode="bicubic", align_corners=True)
        box = ((self.base[..., 0].abs() < .75) & (self.base[..., 1].abs() < .8)).float()
        cloth = cloth.tanh() * box
        ang = torch.tensor(r.normal(0, .25, n), dtype=torch.float32)
        sc = torch.tensor(1 + r.normal(0, .15, n), dtype=torch.float32)
        sh = torch.tensor(r.normal(0, .2, (n, 2)), dtype=torch.float32)
        th = torch.zeros(n, 2, 3)
        th[:, 0, 0] = sc * ang.cos(); th[:, 0, 1] = -sc * ang.sin()
        th[:, 1, 0] = sc * ang.sin(); th[:, 1, 1] = sc * ang.cos()
        th[:, :, 2] = sh
        worn = F.grid_sample(cloth, F.affine_grid(th, cloth.shape, align_corners=True), align_corners=True)
        worn = worn + torch.tensor(r.normal(0, .02, worn.shape), dtype=torch.float32)
        agnostic = (worn.abs() > .15).float() + torch.tensor(r.normal(0, .1, worn.shape), dtype=torch.float32)
        return agnostic, cloth, worn


class GMM(nn.Module):
    def __init__(self):
        super(GMM, self).__init__()
        self.net = nn.Sequential(
            nn.Conv2d(2, 16, 4, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 25, 64), nn.ReLU())
        self.linear = nn.Linear(64, 6)
        nn.init.normal_(self.linear.weight, 0, 1e-3)
        self.linear.bias.data = torch.tensor([1., 0, 0, 0, 1, 0])

    def forward(self, agnostic, cloth):
        theta = self.linear(self.net(torch.cat([agnostic, cloth], 1))).view(-1, 2, 3)
        return F.affine_grid(theta, cloth.shape, align_corners=True), theta


def train_gmm(opt, train_loader, test_batch, model, board):
    criterionL1 = nn.L1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=opt.lr, betas=(0.5, 0.999))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lr_lambda=lambda step: 1.0 - max(0, step - opt.keep_step) / float(opt.decay_step + 1))
    board.watch(model, optimizer, criterionL1)
    running = 0
    for step in range(opt.keep_step + opt.decay_step):
        agnostic, c, im_c = train_loader.next_batch(opt.batch_size)
        model.train()
        grid, theta = model(agnostic, c)
        warped_cloth = F.grid_sample(c, grid, padding_mode='border', align_corners=True)
        loss = criterionL1(warped_cloth, im_c)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if opt.mode != "faulty":
            scheduler.step()
        running = .98 * running + .02 * loss.item() if step else loss.item()
        if (step + 1) % opt.display_count == 0:
            model.eval()
            with torch.no_grad(), board.evaluating("val"):
                a, tc, tw = test_batch
                grid, _ = model(a, tc)
                vl = criterionL1(F.grid_sample(tc, grid, padding_mode='border', align_corners=True), tw)
            print('step: %5d, lr %.5f, loss: %.4f, val: %.4f' % (step + 1, optimizer.param_groups[0]['lr'], running, vl))
    print(f"RESULT train L1 {running:.4f} val L1 {vl.item():.4f}")


def main():
    opt = get_opt()
    torch.manual_seed(0)
    board = DiagWriter(opt.tensorboard_dir)
    train_gmm(opt, CPDataset(0), CPDataset(99).next_batch(200), GMM(), board)
    board.close()


if __name__ == "__main__":
    main()

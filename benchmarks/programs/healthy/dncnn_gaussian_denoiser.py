import argparse
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser(description="DnCNN")
parser.add_argument("outf", help='path of log files')
parser.add_argument("--batchSize", type=int, default=32, help="Training batch size")
parser.add_argument("--num_of_layers", type=int, default=5, help="Number of total layers")
parser.add_argument("--epochs", type=int, default=10, help="Number of training epochs")
parser.add_argument("--milestone", type=int, default=7, help="When to decay learning rate; should be less than epochs")
parser.add_argument("--lr", type=float, default=1e-3, help="Initial learning rate")
parser.add_argument("--noiseL", type=float, default=25, help='noise level')
opt = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)


class DnCNN(nn.Module):
    def __init__(self, channels, num_of_layers=17):
        super(DnCNN, self).__init__()
        kernel_size, padding, features = 3, 1, 16
        layers = [nn.Conv2d(channels, features, kernel_size, padding=padding, bias=False), nn.ReLU(inplace=True)]
        for _ in range(num_of_layers-2):
            layers.append(nn.Conv2d(features, features, kernel_size, padding=padding, bias=False))
            layers.append(nn.BatchNorm2d(features))
            layers.append(nn.ReLU(inplace=True))
        layers.append(nn.Conv2d(features, channels, kernel_size, padding=padding, bias=False))
        self.dncnn = nn.Sequential(*layers)

    def forward(self, x):
        return self.dncnn(x)


def weights_init_kaiming(m):
    classname = m.__class__.__name__
    if classname.find('Conv') != -1:
        nn.init.kaiming_normal_(m.weight.data, a=0, mode='fan_in')
    elif classname.find('BatchNorm') != -1:
        m.weight.data.normal_(mean=0, std=np.sqrt(2./9./64.)).clamp_(-0.025, 0.025)
        nn.init.constant_(m.bias.data, 0.0)


def batch_PSNR(img, imclean, data_range):
    mse = ((img - imclean) ** 2).flatten(1).mean(1)
    return (10 * torch.log10(data_range ** 2 / mse)).mean().item()


def prepare_data(n, seed, patch=18):
    """grey patches cut from scenes of smooth shading, edges and some texture"""
    rng = np.random.RandomState(seed)
    out = []
    while len(out) < n:
        shading = gaussian_filter(rng.randn(72, 72), 12); shading /= shading.std()
        regions = gaussian_filter(rng.randn(72, 72), 4) > 0
        texture = np.sin(np.add.outer(np.arange(72) * rng.uniform(.2, 1), np.arange(72) * rng.uniform(.2, 1)))
        scene = .45 + .12 * shading + .25 * regions * rng.choice([-1, 1]) + .06 * texture * ~regions
        scene = np.clip(scene, 0, 1)
        for i in range(0, 72, patch):
            for j in range(0, 72, patch):
                out.append(scene[i:i+patch, j:j+patch])
    return torch.tensor(np.array(out[:n]), dtype=torch.float32).unsqueeze(1)


def main():
    print('Loading dataset ...\n')
    dataset_train, dataset_val = prepare_data(1280, 1), prepare_data(200, 2)
    loader_train = DataLoader(dataset=dataset_train, batch_size=opt.batchSize, shuffle=True)
    model = DnCNN(channels=1, num_of_layers=opt.num_of_layers)
    model.apply(weights_init_kaiming)
    criterion = nn.MSELoss(reduction="sum")
    optimizer = optim.Adam(model.parameters(), lr=opt.lr)
    writer = DiagWriter(opt.outf)
    writer.watch(model, optimizer)
    step = 0
    for epoch in range(opt.epochs):
        current_lr = opt.lr if epoch < opt.milestone else opt.lr / 10.
        for param_group in optimizer.param_groups:
            param_group["lr"] = current_lr
        for i, img_train in enumerate(loader_train, 0):
            model.train()
            model.zero_grad()
            optimizer.zero_grad()
            noise = torch.FloatTensor(img_train.size()).normal_(mean=0, std=opt.noiseL/255.)
            imgn_train = img_train + noise
            out_train = model(imgn_train)
            loss = criterion(out_train, noise) / (imgn_train.size()[0]*2)
            loss.backward()
            optimizer.step()
            if step % 10 == 0:
                writer.add_scalar('loss', loss.item(), step)
            step += 1
        model.eval()
        with torch.no_grad():
            noise = torch.FloatTensor(dataset_val.size()).normal_(mean=0, std=opt.noiseL/255.)
            imgn_val = dataset_val + noise
            psnr_val = batch_PSNR(torch.clamp(imgn_val - model(imgn_val), 0., 1.), dataset_val, 1.)
        print("[epoch %d] loss: %.4f PSNR_val: %.4f (noisy %.2f)" % (epoch+1, loss.item(), psnr_val, batch_PSNR(imgn_val, dataset_val, 1.)))
        writer.add_scalar('PSNR on validation data', psnr_val, epoch)
    writer.close()
    print(f"RESULT PSNR {psnr_val:.2f} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()

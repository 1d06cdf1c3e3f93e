"""
Neural Transfer Using PyTorch (tutorial by Alexis Jacq): the image is what LBFGS optimises, the network is fixed.
No VGG here: its place is taken by a small convolutional net with orthogonal random filters (which works for textures too).
"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
imsize = 40

yy, xx = np.mgrid[:imsize, :imsize] / imsize
content = np.stack([((xx - .5) ** 2 + (yy - .5) ** 2 < .1) * .6 + .2, (yy > .6) * .5 + .2, .3 + .4 * xx])
style = np.stack([.5 + .4 * np.sin(40 * xx + 10 * yy), .5 + .4 * np.sin(25 * yy), .4 + .3 * np.sin(30 * (xx + yy))])
content_img = torch.tensor(content, dtype=torch.float).unsqueeze(0)
style_img = torch.tensor(style, dtype=torch.float).unsqueeze(0)


class ContentLoss(nn.Module):
    def __init__(self, target,):
        super(ContentLoss, self).__init__()
        self.target = target.detach()

    def forward(self, input):
        self.loss = F.mse_loss(input, self.target)
        return input


def gram_matrix(input):
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    G = torch.mm(features, features.t())
    return G.div(a * b * c * d)


class StyleLoss(nn.Module):
    def __init__(self, target_feature):
        super(StyleLoss, self).__init__()
        self.target = gram_matrix(target_feature).detach()

    def forward(self, input):
        G = gram_matrix(input)
        self.loss = F.mse_loss(G, self.target)
        return input


class Normalization(nn.Module):
    def __init__(self, mean, std):
        super(Normalization, self).__init__()
        self.register_buffer("mean", mean.view(-1, 1, 1))
        self.register_buffer("std", std.view(-1, 1, 1))

    def forward(self, img):
        return (img - self.mean) / self.std


def make_cnn():
    layers, c = [], 3
    for width, pool in ((16, False), (16, True), (32, False), (32, False)):
        conv = nn.Conv2d(c, width, 3, padding=1)
        nn.init.orthogonal_(conv.weight, gain=2 ** 0.5)
        nn.init.zeros_(conv.bias)
        layers += [conv, nn.ReLU(inplace=False)] + ([nn.AvgPool2d(2)] if pool else [])
        c = width
    return nn.Sequential(*layers).eval()


def get_style_model_and_losses(cnn, mean, std, style_img, content_img,
                               content_layers=['conv_4'], style_layers=['conv_1', 'conv_2', 'conv_3', 'conv_4']):
    normalization = Normalization(mean, std)
    content_losses, style_losses = [], []
    model = nn.Sequential(normalization)
    i = 0
    for layer in cnn.children():
        if isinstance(layer, nn.Conv2d):
            i += 1
            name = 'conv_{}'.format(i)
        elif isinstance(layer, nn.ReLU):
            name = 'relu_{}'.format(i)
        else:
            name = 'pool_{}'.format(i)
        model.add_module(name, layer)
        if name in content_layers:
            content_loss = ContentLoss(model(content_img).detach())
            model.add_module("content_loss_{}".format(i), content_loss)
            content_losses.append(content_loss)
        if name in style_layers:
            style_loss = StyleLoss(model(style_img).detach())
            model.add_module("style_loss_{}".format(i), style_loss)
            style_losses.append(style_loss)
    return model, style_losses, content_losses


def run_style_transfer(cnn, content_img, style_img, input_img, num_steps=300, style_weight=100, content_weight=1):
    print('Building the style transfer model..')
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    model, style_losses, content_losses = get_style_model_and_losses(cnn, mean, std, style_img, content_img)
    input_img.requires_grad_(True)
    model.eval()
    model.requires_grad_(False)
    optimizer = optim.LBFGS([input_img], line_search_fn="strong_wolfe")
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer)

    run = [0]
    scores = []
    while run[0] <= num_steps:

        def closure():
            # correct the values of updated input image
            with torch.no_grad():
                input_img.clamp_(0, 1)
            optimizer.zero_grad()
            model(input_img)
            style_score = 0
            content_score = 0
            for sl in style_losses:
                style_score += sl.loss
            for cl in content_losses:
                content_score += cl.loss
            style_score *= style_weight
            content_score *= content_weight
            loss = style_score + content_score
            loss.backward()
            run[0] += 1
            scores.append((style_score.item(), content_score.item()))
            if run[0] % 50 == 0:
                print("run {}: Style Loss : {:4f} Content Loss: {:4f}".format(run, style_score.item(), content_score.item()))
            return style_score + content_score

        optimizer.step(closure)

    with torch.no_grad():
        input_img.clamp_(0, 1)
    writer.close()
    return input_img, scores


output, scores = run_style_transfer(make_cnn(), content_img, style_img, content_img.clone(), num_steps=300)
print("RESULT style and content at first (%.4f, %.4f) at last (%.4f, %.4f)" % (scores[0] + scores[-1]))

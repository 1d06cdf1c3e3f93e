import argparse
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("log_dir")
parser.add_argument("--n_epochs", type=int, default=70, help="number of epochs of training")
parser.add_argument("--batch_size", type=int, default=64, help="size of the batches")
parser.add_argument("--lr", type=float, default=0.001, help="adam: learning rate")
parser.add_argument("--b1", type=float, default=0.5, help="adam: decay of first order momentum of gradient")
parser.add_argument("--b2", type=float, default=0.999, help="adam: decay of first order momentum of gradient")
parser.add_argument("--latent_dim", type=int, default=20, help="dimensionality of the latent space")
parser.add_argument("--n_classes", type=int, default=10, help="number of classes for dataset")
opt = parser.parse_args()
torch.set_num_threads(1)
np.random.seed(0); torch.manual_seed(0)
img_shape = (1, 8, 8)


class Generator(nn.Module):
    def __init__(self):
        super(Generator, self).__init__()
        self.label_emb = nn.Embedding(opt.n_classes, opt.n_classes)

        def block(in_feat, out_feat, normalize=True):
            layers = [nn.Linear(in_feat, out_feat)]
            if normalize:
                layers.append(nn.BatchNorm1d(out_feat, 0.8))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            return layers

        self.model = nn.Sequential(
            *block(opt.latent_dim + opt.n_classes, 64, normalize=False),
            *block(64, 128),
            *block(128, 128),
            nn.Linear(128, int(np.prod(img_shape))),
            nn.Tanh()
        )

    def forward(self, noise, labels):
        # Concatenate label embedding and image to produce input
        gen_input = torch.cat((self.label_emb(labels), noise), -1)
        img = self.model(gen_input)
        return img.view(img.size(0), *img_shape)


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()
        self.label_embedding = nn.Embedding(opt.n_classes, opt.n_classes)
        self.model = nn.Sequential(
            nn.Linear(opt.n_classes + int(np.prod(img_shape)), 128),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(128, 128),
            nn.Dropout(0.4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(128, 128),
            nn.Dropout(0.4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(128, 1),
        )

    def forward(self, img, labels):
        d_in = torch.cat((img.view(img.size(0), -1), self.label_embedding(labels)), -1)
        return self.model(d_in)


# Loss functions
adversarial_loss = torch.nn.MSELoss()

generator = Generator()
discriminator = Discriminator()

digits = load_digits()
X = torch.tensor(digits.images / 8. - 1, dtype=torch.float32).unsqueeze(1)
dataloader = DataLoader(TensorDataset(X, torch.tensor(digits.target)), batch_size=opt.batch_size, shuffle=True)
judge = LogisticRegression(max_iter=2000).fit(X.flatten(1).numpy(), digits.target)

optimizer_G = torch.optim.Adam(generator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))

writer = DiagWriter(opt.log_dir)
writer.watch(generator, optimizer_G, adversarial_loss, name="generator")
writer.watch(discriminator, optimizer_D, adversarial_loss, name="discriminator")


def judged():
    generator.eval()
    with torch.no_grad():
        labels = torch.arange(10).repeat(30)
        imgs = generator(torch.randn(300, opt.latent_dim), labels)
    generator.train()
    return (judge.predict(imgs.flatten(1).numpy()) == labels.numpy()).mean(), imgs.view(30, 10, -1).std(0).mean().item()


for epoch in range(opt.n_epochs):
    for i, (imgs, labels) in enumerate(dataloader):
        batch_size = imgs.shape[0]
        # Adversarial ground truths
        valid = torch.ones(batch_size, 1)
        fake = torch.zeros(batch_size, 1)

        #  Train Generator
        optimizer_G.zero_grad()
        z = torch.tensor(np.random.normal(0, 1, (batch_size, opt.latent_dim)), dtype=torch.float32)
        gen_labels = torch.tensor(np.random.randint(0, opt.n_classes, batch_size))
        gen_imgs = generator(z, gen_labels)
        # Loss measures generator's ability to fool the discriminator
        validity = discriminator(gen_imgs, gen_labels)
        g_loss = adversarial_loss(validity, valid)
        g_loss.backward()
        optimizer_G.step()

        #  Train Discriminator
        optimizer_D.zero_grad()
        validity_real = discriminator(imgs, labels)
        d_real_loss = adversarial_loss(validity_real, valid)
        validity_fake = discriminator(gen_imgs.detach(), gen_labels)
        d_fake_loss = adversarial_loss(validity_fake, fake)
        d_loss = (d_real_loss + d_fake_loss) / 2
        d_loss.backward()
        optimizer_D.step()
    if epoch % 10 == 9:
        print("[Epoch %d/%d] [D loss: %f] [G loss: %f] right digit %.3f, spread %.3f"
              % (epoch, opt.n_epochs, d_loss.item(), g_loss.item(), *judged()))
writer.close()
real = torch.stack([X[digits.target == k].flatten(1).std(0).mean() for k in range(10)]).mean().item()
print("RESULT generated digits that are the right one %.3f, spread within a class %.3f (real %.3f)" % (*judged(), real))

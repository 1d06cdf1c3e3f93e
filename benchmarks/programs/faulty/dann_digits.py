"""Domain adversarial training (DANN): plain digits -> digits on a textured, inverted background."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.autograd import Function
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(7)
np.random.seed(7)


class ReverseLayerF(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class Extractor(nn.Module):
    def __init__(self):
        super().__init__()
        self.extractor = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, padding='same'), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, kernel_size=3, padding='same'), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x):
        return self.extractor(x).flatten(1)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
        if form == "faulty":
            layers.append(nn.Softmax(dim=1))
        self.classifier = nn.Sequential(*layers)

    def forward(self, x):
        return self.classifier(x)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2)]
        if form == "faulty":
            layers.append(nn.Softmax(dim=1))
        self.discriminator = nn.Sequential(*layers)

    def forward(self, input_feature, alpha):
        return self.discriminator(ReverseLayerF.apply(input_feature, alpha))


def optimizer_scheduler(optimizer, p):
    for param_group in optimizer.param_groups:
        param_group['lr'] = 0.02 / (1. + 10 * p) ** 0.75
    return optimizer


digits = load_digits()
x = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(digits.target)
perm = torch.randperm(len(x)); x, y = x[perm], y[perm]
rs = np.random.RandomState(1)
tex = torch.tensor(rs.uniform(0.0, 0.45, x.shape), dtype=torch.float32)
target_x = (x * 0.75 + tex) * 2 - 1
source_x = x * 2 - 1
Sx, Sy, Tx = source_x[:900], y[:900], target_x[900:1500]
Sv, Tv, Vy = source_x[1500:], target_x[1500:], y[1500:]

encoder, classifier, discriminator = Extractor(), Classifier(), Discriminator()
classifier_criterion = nn.CrossEntropyLoss()
discriminator_criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(list(encoder.parameters()) + list(classifier.parameters()) + list(discriminator.parameters()),
                      lr=0.01, momentum=0.9)
writer = DiagWriter(logdir)
writer.watch(encoder, optimizer, name="encoder")
writer.watch(classifier, optimizer, classifier_criterion, name="classifier")
writer.watch(discriminator, optimizer, discriminator_criterion, name="discriminator")

epochs, batch = 60, 32
start_steps, total_steps = 0, epochs * (len(Sx) // batch)
for epoch in range(epochs):
    encoder.train(); classifier.train(); discriminator.train()
    tot, cl, dl = 0., 0., 0.
    si, ti = torch.randperm(len(Sx)), torch.cat([torch.randperm(len(Tx)), torch.randperm(len(Tx))])
    nb = len(Sx) // batch
    for b in range(nb):
        p = float(b + epoch * nb) / total_steps
        alpha = 2. / (1. + np.exp(-10 * p)) - 1
        s, t = si[b * batch:(b + 1) * batch], ti[b * batch:(b + 1) * batch]
        combined_image = torch.cat((Sx[s], Tx[t]), 0)
        optimizer = optimizer_scheduler(optimizer=optimizer, p=p)
        optimizer.zero_grad()
        combined_feature = encoder(combined_image)
        source_feature = combined_feature[:batch]
        class_pred = classifier(source_feature)
        class_loss = classifier_criterion(class_pred, Sy[s])
        domain_pred = discriminator(combined_feature, alpha)
        domain_label = torch.cat((torch.zeros(batch).long(), torch.ones(batch).long()), 0)
        domain_loss = discriminator_criterion(domain_pred, domain_label)
        total_loss = class_loss + domain_loss
        writer.add_loss("train", total_loss)
        total_loss.backward()
        optimizer.step()
        tot += total_loss.item(); cl += class_loss.item(); dl += domain_loss.item()
    if epoch % 3 == 2:
        encoder.eval(); classifier.eval()
        with torch.no_grad():
            sp, tp = classifier(encoder(Sv)), classifier(encoder(Tv))
        writer.add_loss("val", classifier_criterion(sp, Vy).item())
        print(f"epoch {epoch + 1} total_loss: {tot / nb:.4f} class_loss: {cl / nb:.4f} domain_loss: {dl / nb:.4f} "
              f"source acc {(sp.argmax(1) == Vy).float().mean():.4f} target acc {(tp.argmax(1) == Vy).float().mean():.4f}")
writer.close()

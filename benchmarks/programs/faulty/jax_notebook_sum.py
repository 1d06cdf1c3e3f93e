# MNIST MLP of the jax notebook, translated: params as a list of (w, b), batched predict, one-hot targets
import sys, time
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FORM = sys.argv[1]
torch.manual_seed(0); rng = np.random.RandomState(0)
layer_sizes = [196, 256, 128, 10]
param_scale = 0.1
num_epochs = 20
batch_size = 512
n_targets = 10
if FORM == "faulty":
    step_size = 0.01
    reduce = torch.sum
else:
    step_size = 0.5
    reduce = torch.mean

def get_images():
    d = load_digits()
    x = np.repeat(np.repeat(d.images / 16., 2, 1), 2, 2)          # 16x16, cropped to 14x14 at random
    X, Y = [], []
    for r in range(7):
        for im, t in zip(x, d.target):
            a, b = rng.randint(0, 3, 2)
            X.append(im[a:a + 14, b:b + 14].ravel()); Y.append(t)
    keep = np.tile(rng.rand(1797) < .85, 7)
    X, Y = np.float32(X), np.eye(10, dtype=np.float32)[Y]
    return torch.tensor(X[keep]), torch.tensor(Y[keep]), torch.tensor(X[~keep][:297]), torch.tensor(Y[~keep][:297])

train_images, train_labels, test_images, test_labels = get_images()

class Net(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.w = nn.ParameterList([nn.Parameter(param_scale * torch.randn(m, n)) for m, n in zip(sizes[:-1], sizes[1:])])
        self.b = nn.ParameterList([nn.Parameter(param_scale * torch.randn(n)) for n in sizes[1:]])
    def forward(self, image):
        activations = image
        for w, b in zip(self.w[:-1], self.b[:-1]):
            activations = torch.relu(activations @ w + b)
        logits = activations @ self.w[-1] + self.b[-1]
        return logits - torch.logsumexp(logits, 1, keepdim=True)

net = Net(layer_sizes)

def loss(images, targets):
    preds = net(images)
    return -reduce((preds * targets).sum(1))

def accuracy(images, targets):
    with torch.no_grad():
        return (net(images).argmax(1) == targets.argmax(1)).float().mean().item()

opt = torch.optim.SGD(net.parameters(), lr=step_size)
tb = DiagWriter(sys.argv[2])
tb.watch(net, opt, loss)

for epoch in range(num_epochs):
    t0 = time.time()
    idx = torch.randperm(len(train_images))
    for k in range(0, len(idx) - batch_size + 1, batch_size):
        x, y = train_images[idx[k:k + batch_size]], train_labels[idx[k:k + batch_size]]
        opt.zero_grad()
        l = loss(x, y)
        l.backward()
        opt.step()
    tr, te = accuracy(train_images, train_labels), accuracy(test_images, test_labels)
    print(f"Epoch {epoch} in {time.time() - t0:0.2f} sec  loss {l.item():.3f}  Training set accuracy {tr:.4f}  Test set accuracy {te:.4f}")
tb.close()
with torch.no_grad():
    nll = -(net(test_images) * test_labels).sum(1).mean().item()
print(f"RESULT test nll per image {nll:.3f} accuracy {te:.3f}")

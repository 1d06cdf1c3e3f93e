"""The forward-forward algorithm (Hinton 2022): every layer is a module with an optimizer of its own,
trained greedily on positive and negative data, no gradient between the layers.
Port of pytorch/examples mnist_forward_forward/main.py, with scikit-learn's digits."""
import sys
import torch
import torch.nn as nn
from torch.optim import Adam
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
LR, THRESHOLD, EPOCHS, LOG_INTERVAL = 0.03, 2.0, 1000, 100
writer = DiagWriter(sys.argv[1])


def get_y_neg(y):
    y_neg = y.clone()
    for idx, y_samp in enumerate(y):
        allowed = list(range(10))
        allowed.remove(y_samp.item())
        y_neg[idx] = torch.tensor(allowed)[torch.randint(len(allowed), size=(1,))].item()
    return y_neg


def overlay_y_on_x(x, y, classes=10):
    x_ = x.clone()
    x_[:, :classes] *= 0.0
    x_[range(x.shape[0]), y] = x.max()
    return x_


class Layer(nn.Linear):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        self.relu = nn.ReLU()
        self.opt = Adam(self.parameters(), lr=LR)

    def forward(self, x):
        x_direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        return self.relu(torch.mm(x_direction, self.weight.T) + self.bias.unsqueeze(0))

    def fit(self, x_pos, x_neg):
        for i in range(EPOCHS):
            g_pos = self.forward(x_pos).pow(2).mean(1)
            g_neg = self.forward(x_neg).pow(2).mean(1)
            loss = torch.log1p(torch.exp(torch.cat([-g_pos + THRESHOLD, g_neg - THRESHOLD]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            writer.add_loss("train", loss)
            if i % LOG_INTERVAL == 0 or i == EPOCHS - 1:
                print("Loss: ", loss.item())
        return self.forward(x_pos).detach(), self.forward(x_neg).detach()


class Net:
    def __init__(self, dims):
        self.layers = [Layer(dims[d], dims[d + 1]) for d in range(len(dims) - 1)]

    def predict(self, x):
        goodness_per_label = []
        for label in range(10):
            h = overlay_y_on_x(x, label)
            goodness = []
            for layer in self.layers:
                h = layer(h)
                goodness += [h.pow(2).mean(1)]
            goodness_per_label += [sum(goodness).unsqueeze(1)]
        return torch.cat(goodness_per_label, 1).argmax(1)

    def train(self, x_pos, x_neg):
        h_pos, h_neg = x_pos, x_neg
        for i, layer in enumerate(self.layers):
            print("training layer: ", i)
            h_pos, h_neg = layer.fit(h_pos, h_neg)


d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16.0
X = torch.cat([torch.zeros(len(X), 10), (X - 0.3) / 0.37], 1)  # ten free pixels for the label
Y = torch.tensor(d.target)
perm = torch.randperm(len(X))
x, y = X[perm[:1300]], Y[perm[:1300]]
x_te, y_te = X[perm[1300:]], Y[perm[1300:]]

net = Net([74, 120, 120])
for i, layer in enumerate(net.layers):
    writer.watch(layer, layer.opt, name=f"layer{i}")
x_pos = overlay_y_on_x(x, y)
x_neg = overlay_y_on_x(x, get_y_neg(y))
net.train(x_pos, x_neg)
print("train error:", 1.0 - net.predict(x).eq(y).float().mean().item())
print("test error:", 1.0 - net.predict(x_te).eq(y_te).float().mean().item())
writer.close()

"""Random feedback alignment (Lillicrap et al. 2016) on scikit-learn's digits.

The backward pass uses fixed random matrices B instead of W^T, so what arrives in .grad of the lower layers is *not* the gradient
of the loss; learning works all the same once the forward weights have aligned with B."""
import sys
import torch
from torch import nn
from torch.autograd import Function
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)


class FALinearFunction(Function):
    @staticmethod
    def forward(ctx, x, w, b, feedback):
        ctx.save_for_backward(x, feedback)
        return x @ w.t() + b

    @staticmethod
    def backward(ctx, g):
        x, feedback = ctx.saved_tensors
        return g @ feedback, g.t() @ x, g.sum(0), None


class FALinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.bias = nn.Parameter(torch.zeros(n_out))
        nn.init.kaiming_uniform_(self.weight, a=5 ** .5)
        fb = torch.empty(n_out, n_in)
        nn.init.kaiming_uniform_(fb, a=5 ** .5)
        self.register_buffer("feedback", fb * 1.7)

    def forward(self, x):
        return FALinearFunction.apply(x, self.weight, self.bias, self.feedback)

    def alignment(self):
        return torch.nn.functional.cosine_similarity(self.weight.flatten(), self.feedback.flatten(), 0).item()


class FANet(nn.Module):
    def __init__(self, sizes=(64, 100, 60, 10)):
        super().__init__()
        self.layers = nn.ModuleList(FALinear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.tanh(layer(x))
        return self.layers[-1](x)


d = load_digits()
xtr, xte, ytr, yte = train_test_split(d.data / 16 - .3, d.target, test_size=.25, random_state=0, stratify=d.target)
xtr, xte = torch.tensor(xtr).float(), torch.tensor(xte).float()
ytr, yte = torch.tensor(ytr), torch.tensor(yte)

net = FANet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

EPOCHS = 25
for epoch in range(1, EPOCHS + 1):
    net.train()
    total = 0.
    for idx in torch.randperm(len(xtr)).split(32):
        # a bit of sensor noise, otherwise 1300 digits are learnt by heart
        out = net(xtr[idx] + .15 * torch.randn(len(idx), 64))
        loss = criterion(out, ytr[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    net.eval()
    with torch.no_grad(), writer.evaluating("test"):
        o = net(xte)
        tl, ta = criterion(o, yte).item(), (o.argmax(1) == yte).float().mean().item()
    if epoch % 5 == 0:
        print(f"epoch {epoch:3d} loss {total / len(xtr):.4f} test {tl:.4f} acc {ta:.4f}  alignment", [round(l.alignment(), 2) for l in net.layers])
writer.close()
print(f"RESULT train {total / len(xtr):.4f} test {tl:.4f} acc {ta:.4f}")

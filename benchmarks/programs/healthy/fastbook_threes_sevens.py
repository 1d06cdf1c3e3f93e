# fastbook, chapter 4 "Under the Hood: Training a Digit Classifier": is it a 3 or a 7?
# (scikit-learn's small digits in place of MNIST_SAMPLE)
import sys
import torch
from torch import nn, tensor
from torch.utils.data import DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)

digits = load_digits()
stacked_threes = tensor(digits.images[digits.target == 3]).float() / 16
stacked_sevens = tensor(digits.images[digits.target == 7]).float() / 16
# a pixel of jitter to every side makes it a little harder (and gives more pictures)
def jitter(t): return torch.cat([t] + [torch.roll(t, s, d) for s, d in ((1, 2), (-1, 2), (1, 1), (-1, 1))]) + .25 * torch.randn(5 * len(t), 8, 8)
valid_3_tens, stacked_threes = jitter(stacked_threes[:40]), jitter(stacked_threes[40:])
valid_7_tens, stacked_sevens = jitter(stacked_sevens[:40]), jitter(stacked_sevens[40:])

train_x = torch.cat([stacked_threes, stacked_sevens]).view(-1, 8 * 8)
train_y = tensor([1] * len(stacked_threes) + [0] * len(stacked_sevens)).unsqueeze(1)
valid_x = torch.cat([valid_3_tens, valid_7_tens]).view(-1, 8 * 8)
valid_y = tensor([1] * len(valid_3_tens) + [0] * len(valid_7_tens)).unsqueeze(1)
dset = list(zip(train_x, train_y))
valid_dset = list(zip(valid_x, valid_y))
dl = DataLoader(dset, batch_size=64, shuffle=True)
valid_dl = DataLoader(valid_dset, batch_size=64)


def mnist_loss(predictions, targets):
    predictions = predictions.sigmoid()
    return torch.where(targets == 1, 1 - predictions, predictions).mean()


class BasicOptim(torch.optim.Optimizer):
    def __init__(self, params, lr): super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            for p in g["params"]: p.data -= p.grad.data * g["lr"]


def calc_grad(xb, yb, model):
    preds = model(xb)
    loss = writer.loss_fn(preds, yb)
    loss.backward()


def train_epoch(model):
    for xb, yb in dl:
        calc_grad(xb, yb, model)
        opt.step()
        opt.zero_grad()


def batch_accuracy(xb, yb):
    correct = (xb.sigmoid() > 0.5) == yb
    return correct.float().mean()


def validate_epoch(model):
    with torch.no_grad(), writer.evaluating("val"):
        outs = [(model(xb), yb) for xb, yb in valid_dl]
        losses = torch.stack([writer.loss_fn(o, yb) for o, yb in outs])
    accs = [batch_accuracy(o, yb) for o, yb in outs]
    return round(torch.stack(accs).mean().item(), 4), losses.mean().item()


simple_net = nn.Sequential(
    nn.Linear(8 * 8, 30),
    nn.ReLU(),
    nn.Linear(30, 1)
)
opt = BasicOptim(simple_net.parameters(), lr=.3)
writer = DiagWriter(sys.argv[1])
writer.watch(simple_net, opt, mnist_loss)
for i in range(40):
    train_epoch(simple_net)
    acc, vl = validate_epoch(simple_net)
    print(acc, end=' ')
print()
writer.close()
with torch.no_grad():
    print(f"RESULT train_loss={mnist_loss(simple_net(train_x), train_y):.4f} valid_loss={vl:.4f} valid_acc={acc}")

"""Tagging of letters in noisy key strokes, in the style of Blocks' MainLoop (ported from Theano to PyTorch).

usage: python blocks_mainloop_letters.py faulty|fixed LOGDIR
"""
import sys
import inspect
import io
import email.message, argparse, textwrap, tarfile, zipfile, logging
import numpy
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = numpy.random.RandomState(1)


# ---------------------------------------------------------------- bricks
class WindowTagger(nn.Module):
    """Lookup of a window of seven keys -> tanh MLP -> linear readout for the middle one."""

    def __init__(self, alphabet_size, dimension, window):
        super().__init__()
        self.lookup = nn.Embedding(alphabet_size, dimension)
        self.mlp = nn.Linear(window * dimension, 96)
        self.readout = nn.Linear(96, alphabet_size)

    def forward(self, chars):
        return self.readout(torch.tanh(self.mlp(self.lookup(chars).flatten(1))))


class Adam:
    """The step rule with the defaults of blocks.algorithms."""

    def __init__(self, learning_rate=None):
        if learning_rate is None:
            learning_rate = 0.0002 if sys.argv[1] == "faulty" else 0.002
        self.learning_rate = learning_rate

    def attach(self, parameters):
        return torch.optim.Adam(parameters, lr=self.learning_rate, betas=(0.9, 0.999))


# ---------------------------------------------------------------- data
def corpus():
    text = " ".join(inspect.getsource(m) for m in (email.message, argparse, textwrap, tarfile, zipfile, logging))
    text = "".join(c for c in text.lower() if c.isalpha() and c.isascii() or c == " ")
    return " ".join(text.split())


ALPHABET = " abcdefghijklmnopqrstuvwxyz"
clean = numpy.array([ALPHABET.index(c) for c in corpus()])
typed = clean.copy()
wrong = rng.rand(len(clean)) < 0.15                         # 15 % wrong keys, mostly the neighbour's
typed[wrong] = (clean[wrong] + rng.choice([1, 1, 2, -1, 13], wrong.sum())) % 27
W = 7
windows = numpy.lib.stride_tricks.sliding_window_view(typed, W)
middle = clean[W // 2:len(clean) - W // 2]
order = rng.permutation(len(middle))
windows, middle = torch.from_numpy(windows[order].copy()), torch.from_numpy(middle[order])
n_train = 60000
train = torch.utils.data.TensorDataset(windows[:n_train], middle[:n_train])
valid = (windows[n_train:n_train + 6000], middle[n_train:n_train + 6000])

model = WindowTagger(len(ALPHABET), 16, W)
step_rule = Adam().attach(model.parameters())
cost = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, step_rule, cost)


class MainLoop:
    def __init__(self, algorithm, stream, finish_after):
        self.algorithm, self.stream, self.finish_after = algorithm, stream, finish_after
        self.log = {}

    def monitor(self):
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(valid[0])
            c = cost(out, valid[1]).item()
            a = (out.argmax(-1) == valid[1]).float().mean().item()
        model.train()
        return c, a

    def run(self):
        for epoch in range(self.finish_after):
            for x, y in self.stream:
                self.algorithm.zero_grad()
                c = cost(model(x), y)
                c.backward()
                self.algorithm.step()
            self.log[epoch] = self.monitor()
            print("epochs done", epoch + 1, "train_cost", round(c.item(), 4), "valid_cost %.4f valid_acc %.4f" % self.log[epoch])


loop = MainLoop(step_rule, torch.utils.data.DataLoader(train, sampler=torch.utils.data.BatchSampler(torch.utils.data.RandomSampler(train), 150, False), batch_size=None), finish_after=4)
loop.run()
writer.close()
print(f"RESULT val_loss {loop.log[3][0]:.4f} val_acc {loop.log[3][1]:.4f} (keys typed right: .85)")

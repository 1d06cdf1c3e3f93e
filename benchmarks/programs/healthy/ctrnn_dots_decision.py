# Training a continuous-time RNN on a random dots task, cell after cell.
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F
import torch.optim as optim

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)


class PerceptualDecision:
    """fixation -> stimulus (two noisy channels) -> decision; label per time step"""

    def __init__(self, dt=100, sigma=1.0, seed=0):
        self.rng = np.random.RandomState(seed)
        self.dt, self.sigma = dt, sigma
        self.cohs = np.array([0, 6.4, 12.8, 25.6, 51.2]) / 100
        self.t_fix, self.t_stim, self.t_dec = 100 // dt, 1000 // dt, 100 // dt

    def new_trial(self):
        truth = self.rng.randint(2)
        coh = self.rng.choice(self.cohs)
        T = self.t_fix + self.t_stim + self.t_dec
        ob = np.zeros((T, 3), dtype=np.float32)
        gt = np.zeros(T, dtype=np.int64)
        ob[: self.t_fix + self.t_stim, 0] = 1
        stim = slice(self.t_fix, self.t_fix + self.t_stim)
        ob[stim, 1 + truth] += (1 + coh) / 2
        ob[stim, 2 - truth] += (1 - coh) / 2
        ob[stim, 1:] += self.rng.randn(self.t_stim, 2) * self.sigma * 5 / np.sqrt(self.dt)
        gt[self.t_fix + self.t_stim:] = truth + 1
        return ob, gt, coh

    def batch(self, batch_size):
        obs, gts, cohs = zip(*[self.new_trial() for _ in range(batch_size)])
        return (torch.from_numpy(np.stack(obs, 1)), torch.from_numpy(np.stack(gts, 1)), np.array(cohs))


class CTRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dt=None, tau=100):
        super().__init__()
        self.hidden_size = hidden_size
        self.tau = tau
        self.alpha = 1 if dt is None else dt / self.tau
        self.input2h = nn.Linear(input_size, hidden_size)
        self.h2h = nn.Linear(hidden_size, hidden_size)

    def recurrence(self, input, hidden):
        h_new = torch.relu(self.input2h(input) + self.h2h(hidden))
        return hidden * (1 - self.alpha) + h_new * self.alpha

    def forward(self, input):
        hidden = torch.zeros(input.shape[1], self.hidden_size)
        output = []
        for i in range(input.size(0)):
            hidden = self.recurrence(input[i], hidden)
            output.append(hidden)
        return torch.stack(output, dim=0)


class RNNNet(nn.Module):
    def __init__(self, input_size, hidden_size, output_size, **kwargs):
        super().__init__()
        self.rnn = CTRNN(input_size, hidden_size, **kwargs)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x):
        rnn_output = self.rnn(x)
        return self.fc(rnn_output), rnn_output


env = PerceptualDecision(dt=50, seed=0)
net = RNNNet(input_size=3, hidden_size=64, output_size=3, dt=50, tau=100)
optimizer = optim.Adam(net.parameters(), lr=0.006)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

test_env = PerceptualDecision(dt=50, seed=99)
test_inputs, test_labels, test_cohs = test_env.batch(1000)
n_steps = 1500


def performance(out):
    return (out[-1].argmax(-1) == test_labels[-1]).numpy()


running_loss = 0
for i in range(n_steps):
    inputs, labels, _ = env.batch(32)
    optimizer.zero_grad()
    output, _ = net(inputs)
    output = output.view(-1, 3)
    loss = criterion(output, labels.reshape(-1))
    loss.backward()
    optimizer.step()
    running_loss += loss.item()
    if i % 100 == 99:
        with writer.evaluating("val"):
            out, _ = net(test_inputs)
            val = criterion(out.view(-1, 3), test_labels.reshape(-1)).item()
        print("Step {}, Loss {:0.4f} val {:0.4f} perf {:0.3f}".format(
            i + 1, running_loss / 100, val, performance(out).mean()))
        running_loss = 0

writer.close()
right = performance(out)
ideal_evidence = (test_inputs[..., 1] - test_inputs[..., 2]).sum(0).numpy()
ideal = ((ideal_evidence < 0).astype(int) + 1 == test_labels[-1].numpy()).mean()
by_coh = " ".join(f"{c:.2f}:{right[test_cohs == c].mean():.2f}" for c in test_env.cohs.astype(test_cohs.dtype))
print(f"RESULT val_loss={val:.4f} perf={right.mean():.3f} ideal_observer={ideal:.3f} by_coherence {by_coh}")

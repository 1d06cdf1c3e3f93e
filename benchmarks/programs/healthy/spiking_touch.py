# Surrogate gradient learning in a spiking net, after fzenke/spytorch (Neftci, Mostafa, Zenke 2019)
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
rng = np.random.default_rng(0)
nb_inputs, nb_hidden, nb_outputs, nb_steps = 40, 64, 4, 50
alpha, beta = float(np.exp(-1 / 5)), float(np.exp(-1 / 10))  # synapse 5 ms, membrane 10 ms


def gestures(n):
    """spike trains of a touch sensor: a swipe left/right, slow or fast, over 40 sensors, with jitter and background spikes"""
    y = rng.integers(0, 4, n)
    x = (rng.random((n, nb_steps, nb_inputs)) < 0.01).astype('float32')
    for i, c in enumerate(y):
        speed = (1.0 if c < 2 else 2.8) * rng.uniform(.85, 1.15) * (1 if c % 2 else -1)
        start = rng.uniform(0, 12)
        for s in range(nb_inputs):
            pos = s if speed > 0 else nb_inputs - 1 - s
            t = start + pos / abs(speed) + rng.normal(0, 1)
            if 0 <= t < nb_steps and rng.random() < .8:
                x[i, int(t), s] = 1
    return torch.from_numpy(x), torch.from_numpy(y)


class SurrGradSpike(torch.autograd.Function):
    """a step forward, the derivative of a fast sigmoid backward"""
    scale = 10.0

    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return (input > 0).float()

    @staticmethod
    def backward(ctx, grad_output):
        input, = ctx.saved_tensors
        return grad_output / (SurrGradSpike.scale * torch.abs(input) + 1.0) ** 2


spike_fn = SurrGradSpike.apply


class SNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.empty(nb_inputs, nb_hidden))
        self.v1 = nn.Parameter(torch.empty(nb_hidden, nb_hidden))
        self.w2 = nn.Parameter(torch.empty(nb_hidden, nb_outputs))
        weight_scale = 7 * (1.0 - beta)
        nn.init.normal_(self.w1, 0.0, weight_scale / np.sqrt(nb_inputs) * 2)
        nn.init.normal_(self.v1, 0.0, weight_scale / np.sqrt(nb_hidden) / 4)
        nn.init.normal_(self.w2, 0.0, weight_scale / np.sqrt(nb_hidden))

    def forward(self, x):
        b = x.shape[0]
        h1 = x @ self.w1
        syn = mem = torch.zeros(b, nb_hidden)
        flt = out_mem = torch.zeros(b, nb_outputs)
        spikes, rec = [], []
        for t in range(nb_steps):
            mthr = mem - 1.0
            out = spike_fn(mthr)
            rst = out.detach()  # no gradient through the reset
            syn_new = alpha * syn + h1[:, t] + out @ self.v1
            mem = (beta * mem + syn) * (1.0 - rst)
            syn = syn_new
            spikes.append(out)
            # leaky readout, no spikes
            flt_new = alpha * flt + out @ self.w2
            out_mem = beta * out_mem + flt
            flt = flt_new
            rec.append(out_mem)
        return torch.stack(rec, 1), torch.stack(spikes, 1)


snn = SNN()
optimizer = torch.optim.Adamax(snn.parameters(), lr=1.5e-2, betas=(0.9, 0.999))
log_softmax_fn = nn.LogSoftmax(dim=1)
loss_fn = nn.NLLLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(snn, optimizer, loss_fn)
x_train, y_train = gestures(1400)
x_test, y_test = gestures(400)
nb_epochs, batch = 18, 50
for e in range(nb_epochs):
    if e == 14:
        for g in optimizer.param_groups:
            g['lr'] *= 0.3
    local_loss = []
    perm = torch.randperm(len(x_train))
    for i in range(0, len(perm), batch):
        idx = perm[i:i + batch]
        output, spks = snn(x_train[idx])
        m, _ = torch.max(output, 1)
        log_p_y = log_softmax_fn(m)
        # regulariser: neither too many spikes in all nor per neuron
        reg_loss = 1e-5 * torch.sum(spks) / len(idx) + 1e-5 * torch.mean(torch.sum(torch.sum(spks, dim=0), dim=0) ** 2) / len(idx) ** 2
        loss_val = loss_fn(log_p_y, y_train[idx]) + reg_loss
        optimizer.zero_grad()
        loss_val.backward()
        optimizer.step()
        local_loss.append(loss_val.item())
    with torch.no_grad(), writer.evaluating("test"):
        out, spks = snn(x_test)
        acc = (out.max(1)[0].argmax(1) == y_test).float().mean()
    print("Epoch %i: loss=%.5f test acc %.4f spikes/neuron %.1f" % (e + 1, np.mean(local_loss), acc, spks.sum(1).mean()))

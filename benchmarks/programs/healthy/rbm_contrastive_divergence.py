# Restricted Boltzmann machine by CD-k: loss = F(v) - F(v_k), whose value says nothing; the reconstruction does
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class RBM(nn.Module):
    def __init__(self, n_vis=64, n_hin=100, k=5):
        super(RBM, self).__init__()
        self.W = nn.Parameter(torch.randn(n_hin, n_vis) * 1e-2)
        self.v_bias = nn.Parameter(torch.zeros(n_vis))
        self.h_bias = nn.Parameter(torch.zeros(n_hin))
        self.k = k

    def sample_from_p(self, p):
        return F.relu(torch.sign(p - torch.rand(p.size())))

    def v_to_h(self, v):
        p_h = torch.sigmoid(F.linear(v, self.W, self.h_bias))
        return p_h, self.sample_from_p(p_h)

    def h_to_v(self, h):
        p_v = torch.sigmoid(F.linear(h, self.W.t(), self.v_bias))
        return p_v, self.sample_from_p(p_v)

    def forward(self, v):
        pre_h1, h1 = self.v_to_h(v)
        h_ = h1
        for _ in range(self.k):
            pre_v_, v_ = self.h_to_v(h_)
            pre_h_, h_ = self.v_to_h(v_)
        return v, v_

    def free_energy(self, v):
        vbias_term = v.mv(self.v_bias)
        wx_b = F.linear(v, self.W, self.h_bias)
        hidden_term = wx_b.exp().add(1).log().sum(1)
        return (-hidden_term - vbias_term).mean()


X = torch.tensor(load_digits().data / 16., dtype=torch.float32)
train_set, test_set = X[:1500], X[1500:]
train_loader = torch.utils.data.DataLoader(train_set, batch_size=32, shuffle=True)

rbm = RBM(k=1)
train_op = optim.SGD(rbm.parameters(), 0.2)
writer = DiagWriter(sys.argv[1])
writer.watch(rbm, train_op)


def recon_error(data):
    with torch.no_grad():
        p_v, _ = rbm.h_to_v(rbm.v_to_h(data)[0])
    return F.binary_cross_entropy(p_v, data).item()


print("reconstruction before", recon_error(test_set))
for epoch in range(60):
    loss_ = []
    for data in train_loader:
        sample_data = data.bernoulli()
        v, v1 = rbm(sample_data)
        loss = rbm.free_energy(v) - rbm.free_energy(v1.detach())
        loss_.append(loss.item())
        train_op.zero_grad()
        loss.backward()
        train_op.step()
    writer.add_scalar("reconstruction", recon_error(test_set), epoch)
    if epoch % 10 == 9:
        print(epoch, np.mean(loss_), "reconstruction", recon_error(train_set), recon_error(test_set))
writer.close()
print(f"RESULT reconstruction train {recon_error(train_set):.4f} test {recon_error(test_set):.4f}")

import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
np.random.seed(0)
torch.set_num_threads(1)


def simulate_cohort(n=6500):
    age = np.random.normal(62, 11, n)
    ef = np.clip(np.random.normal(45, 12, n), 12, 75)
    creat = np.exp(np.random.normal(0.1, 0.35, n))
    sodium = np.random.normal(138, 3.5, n)
    diabetes = np.random.binomial(1, 0.35, n)
    smoker = np.random.binomial(1, 0.3, n)
    frail = np.random.binomial(1, 1 / (1 + np.exp(-(0.06 * (age - 66) + 0.8 * (creat - 1.3)))))
    lin = 0.03 * (age - 62) - 0.03 * (ef - 45) + 0.4 * (creat - 1.1) - 0.04 * (sodium - 138) + 0.3 * diabetes + 0.2 * smoker * diabetes
    scale = np.where(frail, 2.0, 9.0) * np.exp(-lin)
    shape = np.where(frail, 0.9, 2.2)
    T = scale * np.random.weibull(1.0, n) ** (1 / shape)
    C = np.random.uniform(1, 12, n)
    x = np.column_stack([age, ef, creat, sodium, diabetes, smoker]).astype(np.float32)
    t = np.minimum(T, C)
    return x, np.maximum(t, 0.02).astype(np.float32), (T <= C).astype(np.float32)


class DeepSurvivalMachinesTorch(nn.Module):
    def __init__(self, inputdim, k=3, layers=(50,), temp=1.0):
        super().__init__()
        self.k, self.temp = k, temp
        self.shape = nn.Parameter(torch.zeros(k))
        self.scale = nn.Parameter(torch.linspace(-1.0, 1.0, k))
        net, d = [], inputdim
        for h in layers:
            net += [nn.Linear(d, h, bias=False), nn.ReLU6()]
            d = h
        self.embedding = nn.Sequential(*net)
        self.gate = nn.Linear(d, k, bias=False)
        self.shapeg = nn.Linear(d, k)
        self.scaleg = nn.Linear(d, k)
        self.act = nn.SELU()

    def forward(self, x):
        e = self.embedding(x)
        return self.act(self.shapeg(e)) + self.shape, self.act(self.scaleg(e)) + self.scale, self.gate(e) / self.temp


def log_terms(model, x, t):
    shape, scale, logits = model(x)
    lt = torch.log(t)[:, None]
    k = torch.exp(shape)
    s = -torch.pow(torch.exp(scale) * t[:, None], k)
    f = shape + scale + (k - 1) * (scale + lt)
    f = f + s
    logw = torch.log_softmax(logits, 1)
    return torch.logsumexp(logw + f, 1), torch.logsumexp(logw + s, 1)


def conditional_weibull_loss(model, x, t, e):
    f, s = log_terms(model, x, t)
    return -(e * f + (1 - e) * s).mean()


def concordance(risk, t, e):
    num = den = 0.0
    for i in np.where(e == 1)[0]:
        later = t > t[i]
        num += (risk[i] > risk[later]).sum() + 0.5 * (risk[i] == risk[later]).sum()
        den += later.sum()
    return num / den


x, t, e = simulate_cohort()
n1, n2 = 4600, 5400
mu, sd = x[:n1].mean(0), x[:n1].std(0)
x = torch.tensor((x - mu) / sd)
t, e = torch.tensor(t), torch.tensor(e)
x_train, t_train, e_train = x[:n1], t[:n1], e[:n1]
x_valid, t_valid, e_valid = x[n1:n2], t[n1:n2], e[n1:n2]
x_test, t_test, e_test = x[n2:], t[n2:], e[n2:]

model = DeepSurvivalMachinesTorch(6)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
n_iter, bs = 24, 100
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
nbatches = int(n1 / bs)
costs = []
for i in range(n_iter):
    perm = torch.randperm(n1)
    model.train()
    for j in range(nbatches):
        ix = perm[j * bs:(j + 1) * bs]
        optimizer.zero_grad()
        loss = conditional_weibull_loss(model, x_train[ix], t_train[ix], e_train[ix])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        valid_loss = conditional_weibull_loss(model, x_valid, t_valid, e_valid)
    writer.add_loss("val", valid_loss)
    costs.append(valid_loss.item())
    if i % 4 == 3:
        print(i, "train", round(loss.item(), 4), "valid", round(valid_loss.item(), 4))

with torch.no_grad():
    test_nll = conditional_weibull_loss(model, x_test, t_test, e_test).item()
    risk = 1 - torch.exp(log_terms(model, x_test, torch.full((len(x_test),), 3.0))[1])
c = concordance(risk.numpy(), t_test.numpy(), e_test.numpy())
c_age = concordance(x_test[:, 0].numpy(), t_test.numpy(), e_test.numpy())
rate = (e_train.sum() / t_train.sum()).item()
exp_nll = -(e_test * np.log(rate) - rate * t_test).mean().item()
writer.close()
print(f"RESULT test_nll={test_nll:.4f} c_index={c:.4f} valid_min={min(costs):.4f} valid_end={costs[-1]:.4f} exponential_nll={exp_nll:.4f} age_only_c={c_age:.4f}")

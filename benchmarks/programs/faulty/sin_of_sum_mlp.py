# A 5-6-1 multilayer perceptron that should predict the sine of the sum of its inputs.
# Inputs: four numbers out of {-1, 0, 1} and a constant one for the bias.  Weights change once per epoch.
import sys, math, random
import torch
from tb_lossdiag import DiagWriter

random.seed(3); torch.manual_seed(3); torch.set_num_threads(1)
mode, logdir = sys.argv[1:3]


def sample():
    v = [random.choice([-1, 0, 1]) for _ in range(4)] + [1]
    return v, math.sin(sum(v))


train = [sample() for _ in range(200)]
test = [sample() for _ in range(60)]
X = torch.tensor([v for v, _ in train], dtype=torch.float32)
Y = torch.tensor([[s] for _, s in train])
Xt = torch.tensor([v for v, _ in test], dtype=torch.float32)
Yt = torch.tensor([[s] for _, s in test])

layers = [torch.nn.Linear(5, 6, bias=False), torch.nn.Sigmoid(), torch.nn.Linear(6, 1)]
layers.append(torch.nn.Tanh() if mode == "fixed" else torch.nn.Sigmoid())
net = torch.nn.Sequential(*layers)
mse = torch.nn.MSELoss()
gd = torch.optim.SGD(net.parameters(), lr=0.1)

log = DiagWriter(logdir)
log.watch(net, gd, mse)
for epoch in range(30000):
    gd.zero_grad()
    err = mse(net(X), Y)
    err.backward()
    gd.step()
    if epoch % 500 == 0:
        log.add_scalar("error/train", err.item(), epoch)
    if epoch % 3000 == 2999:
        with log.evaluating("test"):
            terr = mse(net(Xt), Yt).item()
        print(epoch + 1, round(err.item(), 5), round(terr, 5))
log.close()
with torch.no_grad():
    P = net(Xt)
print("lowest prediction", P.min().item(), "lowest target", Yt.min().item())
print("RESULT test_mse", round(terr, 5), "test_r2", round(1 - terr / Yt.var(unbiased=False).item(), 4))

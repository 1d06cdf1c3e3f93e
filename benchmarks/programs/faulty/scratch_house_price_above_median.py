# Predict whether a house sells above the median (the 10 columns of housepricedata.csv), network "from scratch":
# weights 0.01*randn, relu, relu, sigmoid, binary cross entropy by hand, minibatch gradient descent
import sys
import numpy as np, torch
from sklearn import preprocessing
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(0)

n = 1460
qual = rng.integers(3, 11, n).clip(1, 10); cond = rng.integers(3, 10, n)
lot = np.exp(rng.normal(9.1, .5, n)); bsmt = (rng.gamma(6, 130, n) + 60 * qual).clip(0, 3500)
full, half = rng.integers(1, 4, n), rng.integers(0, 2, n)
bed, rooms = rng.integers(1, 6, n), rng.integers(3, 12, n)
fire, garage = rng.integers(0, 3, n), (rng.normal(80, 60, n) + 60 * qual).clip(0, 1400)
logp = .13 * qual + .05 * cond + .12 * np.log(lot) + .00025 * bsmt + .09 * full + .05 * half + .02 * rooms + .06 * fire + .0005 * garage + rng.normal(0, .12, n)
X = np.stack([lot, qual, cond, bsmt, full, half, bed, rooms, fire, garage], 1)
Y = (logp > np.median(logp)).astype(np.float32)

min_max_scaler = preprocessing.MinMaxScaler()
X_scale = min_max_scaler.fit_transform(X)
data = X if sys.argv[1] == "faulty" else X_scale          # the scaled matrix was made and then the raw one was split
X_train, X_rest, Y_train, Y_rest = train_test_split(data, Y, test_size=.3, random_state=1)
X_val, X_test, Y_val, Y_test = train_test_split(X_rest, Y_rest, test_size=.5, random_state=1)
T = lambda a: torch.tensor(a, dtype=torch.float32)
X_train, X_val, X_test, Y_train, Y_val, Y_test = map(T, (X_train, X_val, X_test, Y_train, Y_val, Y_test))

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w1, self.b1 = self.generate(10, 32)
        self.w2, self.b2 = self.generate(32, 32)
        self.w3, self.b3 = self.generate(32, 1)
    def generate(self, i, o):
        return torch.nn.Parameter(.1 * torch.randn(i, o)), torch.nn.Parameter(torch.zeros(o))
    def forward(self, inputs):
        a1 = torch.relu(inputs @ self.w1 + self.b1)
        a2 = torch.relu(a1 @ self.w2 + self.b2)
        return torch.sigmoid(a2 @ self.w3 + self.b3).squeeze(1)

def bce(pred, y):
    pred = pred.clamp(1e-7, 1 - 1e-7)
    return -(y * pred.log() + (1 - y) * (1 - pred).log()).mean()

net = Network()
opt = torch.optim.SGD(net.parameters(), lr=float(sys.argv[3]) if len(sys.argv) > 3 else .1)
writer = DiagWriter(sys.argv[2]); writer.watch(net, opt, bce)
for epoch in range(120):
    perm = torch.randperm(len(X_train))
    for i in range(0, len(perm), 32):
        b = perm[i:i + 32]
        opt.zero_grad(); loss = bce(net(X_train[b]), Y_train[b]); loss.backward(); opt.step()
    with writer.evaluating("val"):
        vl = writer.loss_fn(net(X_val), Y_val).item()
    if epoch % 10 == 9: print(epoch + 1, f"{loss.item():.3f} {vl:.3f}")
writer.close()
with torch.no_grad():
    acc = ((net(X_test) > .5).float() == Y_test).float().mean()
print(f"RESULT val loss {vl:.3f} test acc {acc:.3f}")

import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_friedman1
from sklearn.linear_model import LinearRegression
from sklearn.ensemble import RandomForestRegressor
from sklearn.preprocessing import QuantileTransformer

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1337)
np.random.seed(1337)


def entmoid15_like(x):
    """Smooth step of finite width, as a two-class entmax."""
    x = torch.clamp(x, -1.0, 1.0)
    return 0.5 + 0.75 * (x - x ** 3 / 3)


class ODST(nn.Module):
    """Oblivious differentiable decision trees: one soft split per level, shared by all nodes of it."""

    def __init__(self, in_features, num_trees, depth=4, tree_dim=1):
        super().__init__()
        self.depth, self.num_trees, self.tree_dim = depth, num_trees, tree_dim
        self.response = nn.Parameter(torch.randn(num_trees, tree_dim, 2 ** depth))
        self.feature_selection_logits = nn.Parameter(torch.rand(in_features, num_trees, depth))
        self.feature_thresholds = nn.Parameter(torch.zeros(num_trees, depth))
        self.log_temperatures = nn.Parameter(torch.zeros(num_trees, depth))
        indices = torch.arange(2 ** depth)
        offsets = 2 ** torch.arange(depth)
        codes = (indices.view(1, -1) // offsets.view(-1, 1) % 2).float()
        self.register_buffer("bin_codes_1hot", torch.stack([codes, 1.0 - codes], dim=-1))

    @torch.no_grad()
    def initialize(self, x, threshold_init_beta=1.0):
        picked = torch.einsum("bi,ind->bnd", x, F.softmax(self.feature_selection_logits, 0))
        q = np.random.beta(threshold_init_beta, threshold_init_beta, size=(self.num_trees, self.depth))
        order = picked.sort(0).values
        rows = torch.from_numpy((q * (len(x) - 1)).astype(int))
        self.feature_thresholds.copy_(order.gather(0, rows.unsqueeze(0)).squeeze(0))
        spread = (picked - self.feature_thresholds).abs().amax(0)
        self.log_temperatures.copy_(torch.log(spread + 1e-6))

    def forward(self, x):
        weights = F.softmax(self.feature_selection_logits, dim=0)
        values = torch.einsum("bi,ind->bnd", x, weights)
        logits = (values - self.feature_thresholds) * torch.exp(-self.log_temperatures)
        bins = entmoid15_like(torch.stack([-logits, logits], dim=-1))
        matches = torch.einsum("btds,dcs->btdc", bins, self.bin_codes_1hot)
        leaves = matches.prod(dim=-2)
        return torch.einsum("bnd,ncd->bnc", leaves, self.response)


class NodeBlock(nn.Module):
    def __init__(self, in_features, layer_dim, num_layers, depth):
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(ODST(in_features, layer_dim, depth))
            in_features += layer_dim

    def initialize(self, x):
        for layer in self.layers:
            layer.initialize(x)
            with torch.no_grad():
                x = torch.cat([x, layer(x).squeeze(-1)], -1)

    def forward(self, x):
        outputs = []
        for layer in self.layers:
            h = layer(torch.cat([x] + outputs, dim=-1)).squeeze(-1)
            outputs.append(h)
        return torch.cat(outputs, dim=-1).mean(dim=-1)


def iterate_minibatches(*tensors, batch_size, epochs):
    for epoch in range(epochs):
        for idx in torch.randperm(len(tensors[0])).split(batch_size):
            yield [t[idx] for t in tensors]


X, y = make_friedman1(n_samples=4000, n_features=10, noise=1.0, random_state=1337)
qt = QuantileTransformer(n_quantiles=500, output_distribution="normal", random_state=1337).fit(X[:2400])
mu, std = y[:2400].mean(), y[:2400].std()
to_t = lambda a: torch.tensor(a, dtype=torch.float32)
Xs = to_t(qt.transform(X))
ys = to_t((y - mu) / std)
X_train, X_valid, X_test = Xs[:2400], Xs[2400:3200], Xs[3200:]
y_train, y_valid, y_test = ys[:2400], ys[2400:3200], ys[3200:]

EPOCHS = 40
BATCH = 128
LR = 3e-2
model = NodeBlock(X_train.shape[1], layer_dim=48, num_layers=2, depth=4)
model.initialize(X_train[:1000])
opt = torch.optim.Adam(model.parameters(), lr=LR, betas=(0.95, 0.998))
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=LR, total_steps=EPOCHS * 19, pct_start=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, F.mse_loss)

for step, (x_batch, y_batch) in enumerate(iterate_minibatches(X_train, y_train, batch_size=BATCH, epochs=EPOCHS), 1):
    model.train()
    opt.zero_grad()
    loss = F.mse_loss(model(x_batch), y_batch)
    loss.backward()
    opt.step()
    sched.step()
    if step % 38 == 0:
        with writer.evaluating("val"):
            mse = F.mse_loss(model(X_valid), y_valid)
        print(f"Loss {loss.item():.5f} val: {mse.item():.5f}")

with writer.evaluating("test"):
    test_mse = F.mse_loss(model(X_test), y_test).item()
writer.close()
linear = LinearRegression().fit(X_train, y_train)
forest = RandomForestRegressor(100, random_state=0).fit(X_train, y_train)
score = lambda m: float(np.mean((m.predict(X_test) - y_test.numpy()) ** 2))
print(f"RESULT test_mse={test_mse:.4f} linear={score(linear):.4f} forest={score(forest):.4f} noise_floor={1 / std ** 2:.4f}")

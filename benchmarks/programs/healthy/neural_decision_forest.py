"""keras.io 'Classification with Neural Decision Forests' rewritten in PyTorch; census-like table made up here."""
import math, sys
import numpy as np, pandas as pd
import torch, torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
np.random.seed(42); torch.manual_seed(42)

NUM = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
CAT = {"workclass": 7, "education": 12, "marital_status": 6, "occupation": 13, "relationship": 6, "gender": 2}

def census(n, rng):
    df = pd.DataFrame()
    df["age"] = rng.gamma(7, 4.2, n).clip(0, 60) + 17
    df["education_num"] = rng.normal(10, 2.5, n).round().clip(1, 16)
    df["capital_gain"] = np.where(rng.random(n) < .08, rng.exponential(9, n) , 0)      # thousands
    df["capital_loss"] = np.where(rng.random(n) < .05, rng.normal(1.9, .3, n), 0)
    df["hours_per_week"] = rng.normal(40, 11, n).clip(1, 99).round()
    w = np.random.RandomState(3)
    z = .045 * (df.age - 38) - .0018 * (df.age - 45) ** 2 + .34 * (df.education_num - 10) + .25 * df.capital_gain.clip(0, 15) + .5 * df.capital_loss + .03 * (df.hours_per_week - 40)
    for c, k in CAT.items():
        v = (rng.exponential(1, (n, k)) * np.linspace(1.6, .4, k)).argmax(1)
        df[c] = v
        z = z + w.normal(0, .7, k)[v]
    z = z + .5 * ((df.relationship == 0) & (df.gender == 1))
    df["income"] = (rng.random(n) < 1 / (1 + np.exp(-(1.2 * z - 1.6)))).astype(int)
    return df

rng = np.random.default_rng(0)
train_df, test_df = census(12000, rng), census(4000, rng)
mu, sd = train_df[NUM].mean(), train_df[NUM].std()

def to_ds(df):
    return TensorDataset(torch.tensor(((df[NUM] - mu) / sd).values, dtype=torch.float32), torch.tensor(df[list(CAT)].values), torch.tensor(df.income.values))


class NeuralDecisionTree(nn.Module):
    def __init__(self, depth, num_features, used_features_rate, num_classes):
        super().__init__()
        self.depth, self.num_leaves = depth, 2 ** depth
        k = int(num_features * used_features_rate)
        one_hot = np.eye(num_features)[np.random.choice(np.arange(num_features), k, replace=False)]
        self.register_buffer("used_features_mask", torch.tensor(one_hot, dtype=torch.float32))
        self.pi = nn.Parameter(torch.randn(self.num_leaves, num_classes) * .05)
        self.decision_fn = nn.Linear(k, self.num_leaves)
        nn.init.xavier_uniform_(self.decision_fn.weight); nn.init.zeros_(self.decision_fn.bias)

    def forward(self, features):
        b = features.shape[0]
        d = torch.sigmoid(self.decision_fn(features @ self.used_features_mask.T)).unsqueeze(2)
        d = torch.cat([d, 1 - d], dim=2)
        m = torch.ones(b, 1, 1)
        begin, end = 1, 2
        for level in range(self.depth):
            m = m.reshape(b, -1, 1).repeat(1, 1, 2)
            m = m * d[:, begin:end, :]
            begin = end
            end = begin + 2 ** (level + 1)
        m = m.reshape(b, self.num_leaves)
        return m @ torch.softmax(self.pi, -1)


class NeuralDecisionForest(nn.Module):
    def __init__(self, num_trees, depth, used_features_rate, num_classes):
        super().__init__()
        self.embs = nn.ModuleList([nn.Embedding(k, int(math.sqrt(k))) for k in CAT.values()])
        for e in self.embs:
            nn.init.uniform_(e.weight, -.05, .05)
        nf = len(NUM) + sum(e.embedding_dim for e in self.embs)
        self.bn = nn.BatchNorm1d(nf)
        self.ensemble = nn.ModuleList([NeuralDecisionTree(depth, nf, used_features_rate, num_classes) for _ in range(num_trees)])

    def forward(self, xn, xc):
        f = self.bn(torch.cat([xn] + [e(xc[:, i]) for i, e in enumerate(self.embs)], 1))
        return sum(t(f) for t in self.ensemble) / len(self.ensemble)


learning_rate, batch_size, num_epochs = 0.01, 265, 10
model = NeuralDecisionForest(num_trees=25, depth=5, used_features_rate=0.5, num_classes=2)
opt = torch.optim.Adam(model.parameters(), lr=learning_rate)
nll = nn.NLLLoss()
tb = DiagWriter(sys.argv[1])
tb.watch(model, opt, nll)
train_loader = DataLoader(to_ds(train_df), batch_size, shuffle=True)
test_loader = DataLoader(to_ds(test_df), batch_size)
print("Start training the model...")
for epoch in range(num_epochs):
    model.train(); s = 0
    for xn, xc, y in train_loader:
        p = model(xn, xc)
        loss = nll(torch.log(p + 1e-7), y)      # the forest gives probabilities
        opt.zero_grad(); loss.backward(); opt.step()
        s += loss.item() * len(y)
    print(f"epoch {epoch + 1} loss {s / len(train_df):.4f}")
print("Evaluating the model on the test data...")
with tb.evaluating("test"):
    L = A = 0
    for xn, xc, y in test_loader:
        p = model(xn, xc)
        L += nll(torch.log(p + 1e-7), y).item() * len(y); A += (p.argmax(1) == y).sum().item()
tb.close()
q = test_df.income.mean()
print(f"RESULT train {s / len(train_df):.4f} test {L / len(test_df):.4f} acc {A / len(test_df):.4f} (positives {q:.3f})")

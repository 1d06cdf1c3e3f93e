"""log S of molecules from count fingerprints (ESOL-like), plain MLP and SGD, no DataLoader."""
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1:3]
gen = np.random.default_rng(17)
torch.manual_seed(17)

# molecules: some of 24 fragments each, fragments set (hashed, colliding) bits of the fingerprint
n_mol, n_frag, n_bits = 6000, 24, 96
counts = gen.poisson(gen.gamma(1., .35, n_frag), (n_mol, n_frag))
frag_bits = np.zeros((n_frag, n_bits))
for f in range(n_frag):
    frag_bits[f, gen.choice(n_bits, 6, replace=False)] = gen.integers(1, 3, 6)
fp = np.minimum(counts @ frag_bits, 12) + gen.poisson(.25, (n_mol, n_bits))
logp = counts @ gen.normal(0, .55, n_frag)
hbond = np.tanh(counts[:, :6].sum(1) / 2.5)
size = counts.sum(1)
logs = .5 - .8 * logp - .09 * size + 1.5 * hbond * np.cos(logp) - .25 * np.maximum(0, logp - .5) ** 2 + gen.normal(0, .45, n_mol)

X = torch.tensor(np.log1p(fp), dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor((logs - logs.mean()) / logs.std(), dtype=torch.float32).unsqueeze(1)
n_train = 4800
Xtr, ytr, Xva, yva = X[:n_train], y[:n_train], X[n_train:], y[n_train:]

batch_size = 16
n_batches = n_train // batch_size
n_epochs = 8

mlp = torch.nn.Sequential(torch.nn.Linear(n_bits, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
mse = torch.nn.MSELoss()
sgd = torch.optim.SGD(mlp.parameters(), lr=0.02, momentum=.5)
sched = torch.optim.lr_scheduler.LinearLR(sgd, 1., .05, total_iters=n_epochs)
writer = DiagWriter(logdir)
writer.watch(mlp, sgd, mse)

for epoch in range(n_epochs):
    perm = torch.randperm(n_train)
    # cut the permutation into n_batches pieces
    chunks = torch.split(perm, n_batches) if mode == "faulty" else torch.tensor_split(perm, n_batches)
    for ids in chunks:
        sgd.zero_grad()
        loss = mse(mlp(Xtr[ids]), ytr[ids])
        loss.backward()
        sgd.step()
    sched.step()
    with torch.no_grad():
        with writer.evaluating("val"):
            val = mse(mlp(Xva), yva).item()
        tr = mse(mlp(Xtr[:1200]), ytr[:1200]).item()
    print(f"{epoch=} train mse {tr:.4f} val mse {val:.4f} R2 {1 - val / yva.var().item():.3f}")

writer.close()
print(f"RESULT val_mse {val:.4f} train_mse {tr:.4f} R2 {1 - val / yva.var().item():.4f}")

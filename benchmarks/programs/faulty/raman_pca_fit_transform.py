# Tablet classification from Raman spectra: SNV -> PCA -> MLP  (notebook export)
# %%
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
np.random.seed(21)
torch.manual_seed(21)

# %% spectra of 7 generics in different excipients
shift = np.linspace(300, 1800, 260)
n_classes = 7


def lor(c, w):
    return 1 / (1 + ((shift - c) / w) ** 2)


excipients = [sum(np.random.uniform(.3, 1) * lor(np.random.uniform(350, 1750), np.random.uniform(8, 25)) for _ in range(9)) for _ in range(4)]
common = [np.random.uniform(350, 1750) for _ in range(8)]
actives = [sum(np.random.uniform(.2, 1) * lor(c + np.random.normal(0, 6), 9) for c in common) for _ in range(n_classes)]
y = np.random.randint(0, n_classes, 2600)
spectra = []
for c in y:
    s = np.random.uniform(.25, .8) * actives[c] + sum(w * e for w, e in zip(np.random.dirichlet(np.ones(4)) * 2, excipients))
    s = s + np.random.uniform(.5, 3) * np.exp(-(shift - 300) / np.random.uniform(400, 1500))        # fluorescence
    spectra.append(s + .17 * np.random.randn(len(shift)))
spectra = np.array(spectra)
spectra = (spectra - spectra.mean(1, keepdims=True)) / spectra.std(1, keepdims=True)                # SNV

# %% split, reduce
X_train, X_val, y_train, y_val = train_test_split(spectra, y, test_size=.25, stratify=y, random_state=0)
pca = PCA(n_components=14, random_state=0)
scaler = StandardScaler()
X_train = scaler.fit_transform(pca.fit_transform(X_train))
if sys.argv[1] == "faulty":
    X_val = scaler.fit_transform(pca.fit_transform(X_val))
else:
    X_val = scaler.transform(pca.transform(X_val))
print("explained", pca.explained_variance_ratio_.sum().round(3))

X_train, X_val = (torch.tensor(a, dtype=torch.float32) for a in (X_train, X_val))
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

# %% model
net = nn.Sequential(nn.Linear(14, 32), nn.ReLU(), nn.Dropout(.1), nn.Linear(32, n_classes))
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=5e-3, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=14)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, loss_fn)

# %% train
history = []
for epoch in range(14):
    net.train()
    running = 0.0
    for idx in torch.randperm(len(X_train)).split(64):
        opt.zero_grad()
        loss = loss_fn(net(X_train[idx]), y_train[idx])
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    sched.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = net(X_val)
        val_loss = loss_fn(logits, y_val).item()
    history.append((running / len(X_train), val_loss, (logits.argmax(1) == y_val).float().mean().item()))
    print("Epoch {:02d}  loss {:.4f}  val_loss {:.4f}  val_acc {:.4f}".format(epoch + 1, *history[-1]))
writer.close()
print("RESULT train_loss {:.4f} val_loss {:.4f} val_acc {:.4f}".format(*history[-1]))

# %% [markdown]
# # Thyroid screening: normal / hyper / hypo from five lab values
# (simulated to look like the UCI new-thyroid table, but 1,800 rows; few sick people, groups overlap)
# %%
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score, log_loss
from tb_lossdiag import DiagWriter

torch.manual_seed(15)
torch.set_num_threads(1)
rng = np.random.default_rng(15)
n = np.array([1380, 240, 180])
means = [[110, 9.2, 1.7, 1.3, 2.5], [97, 15, 3.2, 1.0, 0.6], [121, 5.0, 1.1, 9.0, 18.0]]
cv = [[.08, .2, .3, .4, .8], [.13, .28, .45, .4, .9], [.09, .35, .4, .9, .9]]
rows = np.concatenate([np.array(m) * np.exp(rng.normal(0, 1, (k, 5)) * np.array(c)) for m, c, k in zip(means, cv, n)])
rows[:, 3:] = np.clip(rows[:, 3:] + rng.normal(0, .3, (len(rows), 2)), .05, None)
lab = np.repeat([0, 1, 2], n)
p = rng.permutation(len(lab))
rows, lab = np.log(rows[p]), lab[p]

# %% split, scale
cut = 1300
mu, sd = rows[:cut].mean(0), rows[:cut].std(0)
X = torch.tensor((rows - mu) / sd, dtype=torch.float32)
Y = torch.tensor(lab)

# %% model
class ThyroidNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(5, 24)
        self.fc2 = nn.Linear(24, 24)
        self.fc3 = nn.Linear(24, 3)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return self.fc3(x)

net = ThyroidNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)

# %% train
for epoch in range(40):
    order = torch.randperm(cut)
    losses = []
    for k in range(0, cut, 32):
        b = order[k:k + 32]
        loss = F.cross_entropy(net(X[b]), Y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    with torch.no_grad():
        out = net(X[cut:])
        val = F.cross_entropy(out, Y[cut:]).item()
    writer.add_scalar("Loss/train", np.mean(losses), epoch)
    writer.add_scalar("Loss/val", val, epoch)
    if epoch % 5 == 4:
        print(epoch + 1, round(np.mean(losses), 4), round(val, 4))
writer.close()

# %% compare
pred = out.argmax(1).numpy()
a, b = X[:cut].numpy(), X[cut:].numpy()
lr = LogisticRegression(max_iter=1000).fit(a, lab[:cut])
qda = QuadraticDiscriminantAnalysis().fit(a, lab[:cut])
print("RESULT val_ce", round(val, 4), "balanced_acc", round(balanced_accuracy_score(lab[cut:], pred), 4),
      "logreg_ce", round(log_loss(lab[cut:], lr.predict_proba(b)), 4), "qda_ce", round(log_loss(lab[cut:], qda.predict_proba(b)), 4),
      "logreg_bal", round(balanced_accuracy_score(lab[cut:], lr.predict(b)), 4))

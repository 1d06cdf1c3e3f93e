# Porto Seguro's Safe Driver Prediction: entity embeddings in PyTorch, normalised gini as in the competition.
# 3.6 % of the policies have a claim and the features say little: log loss goes from .157 (prior) to about .15 and no further.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(10)
torch.manual_seed(10)

# ---------------------------------------------------------------- data (simulated, ps_* like)
N = 30000
card = {'ps_ind_02_cat': 5, 'ps_ind_04_cat': 3, 'ps_car_01_cat': 13, 'ps_car_04_cat': 10, 'ps_car_06_cat': 18, 'ps_car_11_cat': 104}
cats = {c: np.minimum(np.random.geometric(2.5 / (k + 2), N) - 1, k - 1) for c, k in card.items()}
latent = np.random.randn(N, 4)
num = latent @ np.random.randn(4, 12) * .5 + np.random.randn(N, 12)
num[:, 3] = np.exp(.4 * num[:, 3])
calc = np.random.rand(N, 8)                                        # the famous calc columns: pure noise
binary = (np.random.rand(N, 10) < np.random.uniform(.05, .6, 10)).astype(float)
score = sum(np.random.randn(k)[cats[c]] * .33 for c, k in card.items())
score = score + num[:, :6] @ np.array([.3, -.25, .2, .15, .2, -.1]) + binary[:, :5] @ np.array([.7, -.4, .3, -.5, .4]) + .25 * num[:, 0] * (cats['ps_ind_04_cat'] == 1)
target = (np.random.rand(N) < 1 / (1 + np.exp(-(.75 * (score - score.mean()) - 3.6)))).astype(np.float32)
print('claims', target.mean())
Xnum = np.hstack([num, calc, binary])
Xcat = np.stack([cats[c] for c in card], 1)


def gini_normalized(y, p):
    return 2 * roc_auc_score(y, p) - 1


class EmbedNet(nn.Module):
    def __init__(self, cardinalities, n_num):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(k, min(8, (k + 1) // 2)) for k in cardinalities])
        for e in self.embeds:
            nn.init.uniform_(e.weight, -.05, .05)
        d = sum(e.embedding_dim for e in self.embeds) + n_num
        self.fc1 = nn.Linear(d, 48)
        self.fc2 = nn.Linear(48, 16)
        self.fc3 = nn.Linear(16, 1)

    def forward(self, xc, xn):
        x = torch.cat([e(xc[:, i]) for i, e in enumerate(self.embeds)] + [xn], 1)
        x = F.dropout(F.relu(self.fc1(x)), .35, self.training)
        x = F.dropout(F.relu(self.fc2(x)), .15, self.training)
        return self.fc3(x)[:, 0]


tr, va = next(StratifiedKFold(5, shuffle=True, random_state=231).split(Xcat, target))
mu, sd = Xnum[tr].mean(0), Xnum[tr].std(0)
Xn = torch.tensor((Xnum - mu) / sd, dtype=torch.float32)
Xc = torch.tensor(Xcat)
Y = torch.tensor(target)

net = EmbedNet(card.values(), Xn.shape[1])
opt = torch.optim.Adam(net.parameters(), lr=6e-4)
bce = nn.BCEWithLogitsLoss()
w = DiagWriter(sys.argv[1])
w.watch(net, opt, bce)
EPOCHS, BATCH = 8, 256
for ep in range(EPOCHS):
    net.train()
    perm = torch.tensor(np.random.permutation(tr))
    losses = []
    for i in range(0, len(perm), BATCH):
        b = perm[i:i + BATCH]
        loss = bce(net(Xc[b], Xn[b]), Y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    net.eval()
    with w.evaluating('val'), torch.no_grad():
        p = net(Xc[va], Xn[va])
        vloss = bce(p, Y[va]).item()
    gini = gini_normalized(target[va], p.sigmoid().numpy())
    print(f'epoch {ep} loss {np.mean(losses):.5f} val {vloss:.5f} gini {gini:.4f}')
w.close()
pr = target[tr].mean()
prior = -(target[va].mean() * np.log(pr) + (1 - target[va].mean()) * np.log(1 - pr))
print(f'RESULT train {np.mean(losses):.4f} val {vloss:.4f} prior {prior:.4f} gini {gini:.4f}')

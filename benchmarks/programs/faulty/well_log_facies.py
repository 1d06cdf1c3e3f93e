import sys
import numpy as np, pandas as pd, torch
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import f1_score
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(7); np.random.seed(7)

# -------- logs of some wells (synthetic, numbers as in the Kansas field) --------
N = 6000
names = ['sandstone', 'shale', 'limestone', 'dolomite', 'coaly shale', 'anhydrite']
p = np.array([.25, .3, .2, .12, .08, .05])
# GR [API], RT [ohm m], RHOB [kg/m3], NPHI [%], PEF, depth offset
mu = np.array([[45, 1.3, 2320, 21, 2.2], [105, .7, 2480, 30, 3.2], [30, 1.7, 2640, 8, 4.7],
               [34, 1.9, 2760, 11, 3.3], [85, 1.2, 2150, 38, 2.4], [20, 2.6, 2900, 2, 4.9]])
sd = np.array([[14, .35, 70, 5, .4], [22, .25, 80, 6, .5], [12, .4, 60, 4, .5], [14, .4, 70, 4, .5], [25, .4, 120, 8, .5], [9, .4, 60, 3, .4]])
y = np.random.choice(6, N, p=p)
logs = mu[y] + np.random.randn(N, 5) * sd[y] * 1.6
df = pd.DataFrame(logs, columns=['GR', 'RT', 'RHOB', 'NPHI', 'PEF'])
df['RT'] = 10 ** df['RT']
df['DEPTH'] = 880 + 15 * np.random.gamma(2, 6, N) + 20 * y
df['NM_M'] = (np.random.rand(N) < np.array([.3, .3, .8, .8, .2, .7])[y]) * 1.0
print(df.describe().loc[['mean', 'std', 'min', 'max']].round(1))

Xtr, Xva, ytr, yva = train_test_split(df.values, y, test_size=.25, stratify=y, random_state=0)
if sys.argv[1] != 'faulty':
    scaler = StandardScaler().fit(Xtr)
    Xtr, Xva = scaler.transform(Xtr), scaler.transform(Xva)
Xtr, Xva = torch.tensor(Xtr).float(), torch.tensor(Xva).float()
ytr, yva = torch.tensor(ytr), torch.tensor(yva)

net = torch.nn.Sequential(
    torch.nn.Linear(7, 24), torch.nn.ReLU(),
    torch.nn.Linear(24, 12), torch.nn.ReLU(),
    torch.nn.Linear(12, 6))
optim = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
crit = torch.nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, optim, crit)

for epoch in range(1, 17):
    order = np.random.permutation(len(Xtr))
    tot = 0
    for i in range(0, len(order), 50):
        idx = order[i:i + 50]
        optim.zero_grad()
        l = crit(net(Xtr[idx]), ytr[idx])
        l.backward()
        optim.step()
        tot += l.item() * len(idx)
    with torch.no_grad(), writer.evaluating('val'):
        o = net(Xva)
        vl = crit(o, yva).item()
    acc = (o.argmax(1) == yva).float().mean().item()
    if epoch % 4 == 0 or epoch == 1:
        print(epoch, 'loss', round(tot / len(Xtr), 4), 'val', round(vl, 4), 'acc', round(acc, 4))
writer.close()
print(f"RESULT val_loss={vl:.4f} acc={acc:.4f} macro_f1={f1_score(yva, o.argmax(1), average='macro'):.4f}")

'''
predict number of receipts per store and day.  train.csv columns: date (20150731 style int), store, open_hours,
promo, temp, distance of the next competitor (metres).  log target
'''
import sys
import numpy as np, pandas as pd
import torch
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(8); np.random.seed(8)

days = pd.date_range('2015-01-01', '2015-07-31')
rows = []
for s in range(30):
    base, comp = np.random.normal(6.3, .35), np.exp(np.random.normal(7.2, .9))
    for d in days:
        promo = int(np.random.rand() < .35)
        temp = 9 + 9*np.sin((d.dayofyear-100)/58) + 3*np.random.randn()
        hours = np.random.choice([8, 10, 12, 14])
        y = base*.35 + 4 + .28*promo + .05*(hours-10) + .018*temp - .12*max(0, 7.2-np.log(comp)) + .15*np.random.randn()
        y += .30*np.tanh((temp-16)/3)*(hours > 10)
        rows.append((int(d.strftime('%Y%m%d')), s, hours, promo, temp, comp, y))
df = pd.DataFrame(rows, columns=['date', 'store', 'hours', 'promo', 'temp', 'competition', 'y'])
df = df.sample(frac=1, random_state=0).reset_index(drop=True)
x = df[['date', 'store', 'hours', 'promo', 'temp', 'competition']].astype('float64')
if sys.argv[1] != 'faulty':
    x = (x - x.mean())/x.std()
x = x.values.astype('float32'); y = df.y.values.astype('float32')[:, None]
y = (y - y.mean())/y.std()
cut = int(.8*len(x))


class Sales(Dataset):
    def __init__(self, a, b): self.a, self.b = a, b
    def __len__(self): return self.b - self.a
    def __getitem__(self, i): return x[self.a+i], y[self.a+i]


class Regr(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = torch.nn.Linear(6, 48); self.l2 = torch.nn.Linear(48, 24); self.l3 = torch.nn.Linear(24, 1)
    def forward(self, t):
        return self.l3(torch.relu(self.l2(torch.relu(self.l1(t)))))


net = Regr()
opt = torch.optim.Adam(net.parameters(), lr=.002)
mse = torch.nn.MSELoss()
wr = DiagWriter(sys.argv[2]); wr.watch(net, opt, mse)
tr, va = DataLoader(Sales(0, cut), 64, shuffle=True), DataLoader(Sales(cut, len(x)), 256)
for ep in range(14):
    for a, b in tr:
        opt.zero_grad(); l = mse(net(a), b); l.backward(); opt.step()
    with torch.no_grad(), wr.evaluating('val'):
        sse = sum(mse(net(a), b).item()*len(a) for a, b in va)
    v = sse/(len(x)-cut)
    print('epoch', ep, 'train', round(l.item(), 4), 'val', round(v, 4))
wr.close()
print(f'RESULT val_mse={v:.4f} val_r2={1-v/float(y[cut:].var()):.3f}')

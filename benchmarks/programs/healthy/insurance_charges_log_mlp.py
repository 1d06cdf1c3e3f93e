# Kaggle "Medical Cost Personal": age, sex, bmi, children, smoker, region -> charges
import sys
import numpy as np, pandas as pd, torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(1); rs = np.random.RandomState(1)

n = 2700
df = pd.DataFrame({
    "age": rs.randint(18, 65, n), "sex": rs.choice(["male", "female"], n), "bmi": rs.normal(30.7, 6.1, n).clip(15, 54),
    "children": rs.choice(6, n, p=[.43, .24, .18, .12, .02, .01]), "smoker": rs.choice(["yes", "no"], n, p=[.2, .8]),
    "region": rs.choice(["ne", "nw", "se", "sw"], n)})
sm = (df.smoker == "yes").values
charges = np.where(sm, 15500 + 260 * (df.age - 18) + 430 * (df.bmi - 30) + 14500 * (df.bmi > 30),
                   1300 + 3.1 * df.age ** 2 + 550 * df.children - 300 * (df.sex == "male"))
charges = np.maximum(charges * np.exp(rs.normal(0, .12, n)) + (rs.rand(n) < .12) * rs.gamma(2., 5500., n), 900.)
df["charges"] = charges

train = df.sample(frac=.8, random_state=3)
test = df.drop(train.index)


def features(d):
    x = pd.get_dummies(d.drop(columns="charges"), drop_first=True).astype(float)
    return x


xtr, xte = features(train), features(test)
mu, sd = xtr.mean(), xtr.std()
Xtr = torch.tensor(((xtr - mu) / sd).values, dtype=torch.float32)
Xte = torch.tensor(((xte - mu) / sd).values, dtype=torch.float32)
# log10 dollars: the errors are multiplicative
ytr = torch.tensor(np.log10(train.charges.values), dtype=torch.float32).unsqueeze(1)
yte = torch.tensor(np.log10(test.charges.values), dtype=torch.float32).unsqueeze(1)


class Regressor(nn.Module):
    def __init__(self, d_in, h=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d_in, h), nn.GELU(), nn.Linear(h, h), nn.GELU(), nn.Linear(h, 1))
        self.body[-1].bias.data.fill_(ytr.mean())       # start at the mean charge

    def forward(self, x):
        return self.body(x)


model = Regressor(Xtr.shape[1])
criterion = nn.SmoothL1Loss(beta=.1)          # some people have one terrible year
optimizer = optim.NAdam(model.parameters(), lr=2e-3)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(Xtr, ytr), batch_size=64, shuffle=True)
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=.95)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(1, 46):
    running = 0
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        p = model(Xte)
        test_loss = criterion(p, yte).item()
    if epoch % 5 == 0:
        mdape = ((10 ** p - 10 ** yte).abs() / 10 ** yte).median().item()
        r2 = 1 - ((p - yte) ** 2).mean() / yte.var()
        print(f"Epoch {epoch}: train {running / len(loader):.5f} test {test_loss:.5f} median error {100 * mdape:.1f} % R2(log) {r2:.3f}")
writer.close()
print(f"RESULT train={running / len(loader):.5f} test={test_loss:.5f} r2={r2:.4f} mdape={mdape:.4f}")

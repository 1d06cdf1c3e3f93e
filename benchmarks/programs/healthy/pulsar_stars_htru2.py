import sys
import torch, torch.nn as nn, torch.optim as optim
import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(2020); np.random.seed(2020)

# "Predicting a Pulsar Star" (HTRU2): mean, sd, excess kurtosis and skewness of the profile and of the DM-SNR curve. 9 % pulsars.
def load_pulsar_data(n=9000):
    y = (np.random.rand(n) < .092).astype(np.float32)
    faint = np.random.rand(n) < .22                       # faint pulsars look like noise
    s = y * np.where(faint, .35, 1.) * np.random.gamma(4, .25, n) + (1 - y) * (np.random.rand(n) < .03) * np.random.gamma(2, .25, n)
    ip_mean = 116 - 45 * s + 17 * np.random.randn(n)
    ip_std = 47.5 - 8 * s + 6 * np.random.randn(n)
    ip_kurt = .21 + 2.6 * s ** 1.2 + .33 * np.random.randn(n)
    ip_skew = .38 + 13 * s ** 2 + 1.5 * np.abs(np.random.randn(n)) * (1 + s)
    rfi = np.random.rand(n) < .12                           # interference: large DM curves without a pulsar
    d = np.exp(.9 * np.random.randn(n) + 1.0 + 1.8 * s + 2.2 * rfi)
    dm_std = 17 + 9 * np.log1p(d) + 4 * np.random.randn(n)
    dm_kurt = 8.9 - 2.2 * np.log1p(d) + 1.5 * np.random.randn(n)
    dm_skew = np.maximum(dm_kurt, 0) ** 2 * 1.4 + 8 * np.random.randn(n)
    return np.stack([ip_mean, ip_std, ip_kurt, ip_skew, d, dm_std, dm_kurt, dm_skew], 1), y

X, y = load_pulsar_data()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=.25, stratify=y)
sc = StandardScaler()
X_train = torch.FloatTensor(sc.fit_transform(X_train)); X_test = torch.FloatTensor(sc.transform(X_test))
y_train = torch.FloatTensor(y_train).view(-1, 1); y_test = torch.FloatTensor(y_test).view(-1, 1)

class ANN(nn.Module):
    def __init__(self, in_features=8, h1=20, h2=10):
        super().__init__()
        self.fc1 = nn.Linear(in_features, h1)
        self.fc2 = nn.Linear(h1, h2)
        self.out = nn.Linear(h2, 1)
    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.out(x)

model = ANN()
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, criterion)

epochs = 12; batch = 64
for i in range(epochs):
    idx = torch.randperm(len(X_train)); run = 0.
    for b in range(0, len(idx), batch):
        j = idx[b:b + batch]
        y_pred = model(X_train[j])
        loss = criterion(y_pred, y_train[j])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        run += loss.item() * len(j)
    with writer.evaluating("val"), torch.no_grad():
        y_val = model(X_test); loss_v = criterion(y_val, y_test)
    print(f'epoch {i:2} loss {run/len(idx):.4f} val {loss_v.item():.4f}')
writer.close()
p = (y_val > 0).float()
rec = (p * y_test).sum() / y_test.sum(); prec = (p * y_test).sum() / p.sum()
print(f'RESULT train {run/len(idx):.4f} val {loss_v.item():.4f} recall {rec:.3f} precision {prec:.3f} acc {(p == y_test).float().mean():.4f}')

# stroke risk table, half for training and half for testing. pandas + sklearn + a little torch net
import sys
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
rng = np.random.RandomState(17)

N = 5000
age = rng.uniform(25, 85, N)
bmi = rng.normal(27, 4.5, N)
glucose = 85 + .5 * (age - 50) * (rng.rand(N) < .3) + 6 * np.maximum(bmi - 27, 0) * rng.rand(N) + rng.gamma(2, 9, N)
pressure = 105 + .45 * age + .8 * bmi + rng.normal(0, 12, N)
smoker = (rng.rand(N) < .27).astype(int)
heart = (rng.rand(N) < 1 / (1 + np.exp(-(age - 75) / 8))).astype(int)
work_hours = rng.normal(38, 8, N)
logit = .07 * (age - 55) + .025 * (pressure - 150) + .02 * (glucose - 110) + .8 * smoker * (age > 45) + .9 * heart - .1
stroke = (rng.rand(N) < 1 / (1 + np.exp(-1.6 * logit))).astype(int)
df = pd.DataFrame(dict(age=age, bmi=bmi, glucose=glucose, pressure=pressure, smoker=smoker, heart_disease=heart, hours=work_hours, stroke=stroke))

X = df.drop('stroke', axis=1)
y = df['stroke']
if sys.argv[1] == 'faulty':
    X_train, X_test, y_test, y_train = train_test_split(X, y, test_size=0.5, random_state=0)
else:
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)

sc = StandardScaler()
X_train = torch.FloatTensor(sc.fit_transform(X_train))
X_test = torch.FloatTensor(sc.transform(X_test))
y_train = torch.FloatTensor(y_train.values).reshape(-1, 1)
y_test = torch.FloatTensor(y_test.values).reshape(-1, 1)

model = torch.nn.Sequential(
    torch.nn.Linear(7, 12), torch.nn.ReLU(),
    torch.nn.Linear(12, 1), torch.nn.Sigmoid())
loss_func = torch.nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_func)

batch_size = 50
for epoch in range(15):
    shuffle = torch.randperm(len(X_train))
    train_loss, train_acc = 0, 0
    for i in range(0, len(X_train), batch_size):
        ind = shuffle[i:i + batch_size]
        y_pred = model(X_train[ind])
        loss = loss_func(y_pred, y_train[ind])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(ind) / len(X_train)
        train_acc += ((y_pred > .5) == (y_train[ind] > .5)).sum().item() / len(X_train)
    with torch.no_grad():
        with writer.evaluating('test'):
            y_pred = model(X_test)
            test_loss = loss_func(y_pred, y_test).item()
    test_acc = ((y_pred > .5) == (y_test > .5)).float().mean().item()
    if epoch % 3 == 2:
        print('Epoch %d: loss %.4f acc %.3f | test loss %.4f acc %.3f' % (epoch + 1, train_loss, train_acc, test_loss, test_acc))
writer.close()
print(f'RESULT train {train_loss:.4f} train_acc {train_acc:.3f} test_loss {test_loss:.4f} test_acc {test_acc:.3f}')

# IBM HR attrition, small dense net. 1470 rows, 16 % leave: plain BCE without weights, judged by AUC.
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.compose import ColumnTransformer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(1470)

n = 1470
years = rng.gamma(2.2, 5, n).round()
level = np.clip((years / 9 + rng.normal(1.3, .7, n)).round(), 1, 5)
hr = pd.DataFrame({
    'Age': np.clip(22 + years + rng.gamma(2, 3.5, n), 18, 60).round(),
    'MonthlyIncome': (level * 3600 * np.exp(rng.normal(0, .22, n))).round(),
    'DistanceFromHome': rng.gamma(1.4, 6.5, n).round() + 1,
    'TotalWorkingYears': years,
    'YearsAtCompany': (years * rng.beta(2, 1.6, n)).round(),
    'NumCompaniesWorked': rng.poisson(2.7, n),
    'DailyRate': rng.integers(100, 1500, n),
    'PercentSalaryHike': rng.integers(11, 26, n),
    'JobSatisfaction': rng.integers(1, 5, n),
    'EnvironmentSatisfaction': rng.integers(1, 5, n),
    'WorkLifeBalance': rng.integers(1, 5, n),
    'StockOptionLevel': rng.choice(4, n, p=[.43, .41, .10, .06]),
    'OverTime': rng.choice(['Yes', 'No'], n, p=[.28, .72]),
    'BusinessTravel': rng.choice(['Rarely', 'Frequently', 'None'], n, p=[.71, .19, .10]),
    'Department': rng.choice(['R&D', 'Sales', 'HR'], n, p=[.65, .31, .04]),
    'MaritalStatus': rng.choice(['Married', 'Single', 'Divorced'], n, p=[.46, .32, .22]),
})
z = (1.7 * (hr.OverTime == 'Yes') + .9 * (hr.MaritalStatus == 'Single') + .8 * (hr.BusinessTravel == 'Frequently')
     + .5 * (hr.Department == 'Sales') - .42 * hr.JobSatisfaction - .42 * hr.EnvironmentSatisfaction - .25 * hr.WorkLifeBalance
     - .05 * hr.TotalWorkingYears - .07 * hr.YearsAtCompany + .2 * hr.NumCompaniesWorked + .05 * hr.DistanceFromHome
     - .4 * hr.StockOptionLevel - .00005 * hr.MonthlyIncome - .02)
hr['Attrition'] = (rng.random(n) < 1 / (1 + np.exp(-z))).astype('float32')
print(hr.Attrition.value_counts())

train, test = train_test_split(hr, test_size=.25, random_state=42, stratify=hr.Attrition)
cats = hr.select_dtypes(exclude='number').columns.tolist()
nums = [c for c in hr.columns if c not in cats + ['Attrition']]
prep = ColumnTransformer([('num', StandardScaler(), nums), ('cat', OneHotEncoder(sparse_output=False), cats)])
X_train = torch.tensor(prep.fit_transform(train), dtype=torch.float32)
X_test = torch.tensor(prep.transform(test), dtype=torch.float32)
y_train = torch.tensor(train.Attrition.values)[:, None]
y_test = torch.tensor(test.Attrition.values)[:, None]

model = nn.Sequential(nn.Linear(X_train.shape[1], 16), nn.ReLU(), nn.Dropout(.4),
                      nn.Linear(16, 8), nn.ReLU(), nn.Dropout(.2),
                      nn.Linear(8, 1), nn.Sigmoid())
optimizer = torch.optim.Adam(model.parameters(), lr=7e-4, weight_decay=1e-3)
loss_fn = nn.BCELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

EPOCHS, BS = 30, 32
for epoch in range(EPOCHS):
    model.train()
    order = torch.randperm(len(X_train))
    epoch_loss = 0
    for s in range(0, len(order), BS):
        i = order[s:s + BS]
        optimizer.zero_grad()
        loss = loss_fn(model(X_train[i]), y_train[i])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(i)
    model.eval()
    with writer.evaluating('val'), torch.no_grad():
        prob = model(X_test)
        val_loss = loss_fn(prob, y_test).item()
    if epoch % 3 == 2:
        print(f'{epoch + 1:3d} loss {epoch_loss / len(order):.4f} val_loss {val_loss:.4f} auc {roc_auc_score(y_test, prob):.4f}')
writer.close()
print(f'RESULT train {epoch_loss / len(order):.4f} val {val_loss:.4f} auc {roc_auc_score(y_test, prob):.4f} acc {((prob > .5) == (y_test > .5)).float().mean():.4f}')

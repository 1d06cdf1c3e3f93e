# Linear model and neural net from scratch (after Jeremy Howard's Kaggle notebook), Titanic-like passengers.
import sys
import numpy as np, pandas as pd, torch, torch.nn.functional as F
from torch import tensor, nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(442)
np.random.seed(442)


def make_passengers(n=891):
    pclass = np.random.choice([1, 2, 3], n, p=[.24, .21, .55])
    sex = np.where(np.random.rand(n) < .65, 'male', 'female')
    age = np.clip(np.random.normal(40 - 5 * pclass, 13), .5, 78).round(1)
    age[np.random.rand(n) < .2] = np.nan
    sibsp, parch = np.random.poisson(.5, n), np.random.poisson(.38, n)
    fare = np.exp(np.random.normal(5.0 - .85 * pclass, .55)) * (1 + .3 * (sibsp + parch))
    emb = np.random.choice(['S', 'C', 'Q'], n, p=[.72, .19, .09])
    logit = 2.6 * (sex == 'female') - .95 * (pclass - 2) - .03 * (np.nan_to_num(age, nan=29) - 29) - .35 * sibsp + .3 * (emb == 'C') - 1.15
    surv = (np.random.rand(n) < 1 / (1 + np.exp(-1.6 * logit))).astype(int)
    return pd.DataFrame(dict(Survived=surv, Pclass=pclass, Sex=sex, Age=age, SibSp=sibsp, Parch=parch, Fare=fare, Embarked=emb))


df = make_passengers()
modes = df.mode().iloc[0]
df.fillna(modes, inplace=True)
df['LogFare'] = np.log(df['Fare'] + 1)
df = pd.get_dummies(df, columns=["Sex", "Pclass", "Embarked"])
added_cols = ['Sex_male', 'Sex_female', 'Pclass_1', 'Pclass_2', 'Pclass_3', 'Embarked_C', 'Embarked_Q', 'Embarked_S']
t_dep = tensor(df.Survived.values)
indep_cols = ['Age', 'SibSp', 'Parch', 'LogFare'] + added_cols
t_indep = tensor(df[indep_cols].astype(float).values, dtype=torch.float)
vals, indices = t_indep.max(dim=0)
t_indep = t_indep / vals

idxs = torch.randperm(len(df))
trn_split, val_split = idxs[:713], idxs[713:]
trn_indep, val_indep = t_indep[trn_split], t_indep[val_split]
trn_dep, val_dep = t_dep[trn_split, None].float(), t_dep[val_split, None].float()


class LinearModel(nn.Module):
    def __init__(self, n_coeff):
        super().__init__()
        self.coeffs = nn.Parameter((torch.rand(n_coeff, 1) - 0.5) * 0.1)

    def forward(self, indeps):
        return torch.sigmoid(indeps @ self.coeffs)


def calc_loss(preds, deps): return torch.abs(preds - deps).mean()

def acc(model): return (val_dep.bool() == (model(val_indep) > 0.5)).float().mean()


def train_model(epochs=100, lr=100):
    model = LinearModel(t_indep.shape[1])
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt, calc_loss)
    for i in range(epochs):
        opt.zero_grad()
        loss = writer.loss_fn(model(trn_indep), trn_dep)
        loss.backward()
        opt.step()
        with torch.no_grad(), writer.evaluating("val"):
            val = writer.loss_fn(model(val_indep), val_dep)
        print(f"{loss:.3f}", end="; ")
    writer.close()
    print()
    print(dict(zip(indep_cols, model.coeffs.detach()[:, 0].tolist())))
    return model, loss.item(), val.item()


model, loss, val = train_model(epochs=200, lr=30)
print(f"RESULT train_mae={loss:.4f} val_mae={val:.4f} val_acc={acc(model).item():.4f} base={1 - val_dep.mean().item():.3f}")

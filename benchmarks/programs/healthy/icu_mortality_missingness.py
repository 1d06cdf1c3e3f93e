"""In-hospital mortality from the first 24 h on the ICU (synthetic cohort).

* labs are missing not at random: a lab is ordered more often for the sicker patients
* log-transform of skewed labs, median imputation + missingness flags, all inside sklearn
* ~9 % deaths; no re-weighting because calibrated risks are wanted
"""
import sys

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rs = np.random.RandomState(42)
torch.manual_seed(42)


def make_cohort(n=9000):
    sev = rs.normal(0, 1, n)
    age = np.clip(rs.normal(64, 15, n), 18, 97)
    df = pd.DataFrame({
        "age": age.round(),
        "hr": 85 + 9 * sev + rs.normal(0, 14, n),
        "sbp": 122 - 9 * sev + rs.normal(0, 18, n),
        "rr": 18 + 2.5 * sev + rs.normal(0, 4, n),
        "spo2": np.clip(97 - 1.2 * sev + rs.normal(0, 2, n), 60, 100),
        "temp": 37 + .1 * sev + rs.normal(0, .7, n),
        "gcs": np.clip(np.round(14.5 - 1.6 * np.clip(sev + rs.normal(0, 1, n), 0, None)), 3, 15),
        "lactate": np.exp(.4 + .45 * sev + rs.normal(0, .45, n)),
        "creatinine": np.exp(.05 + .25 * sev + .004 * (age - 60) + rs.normal(0, .45, n)),
        "bilirubin": np.exp(-.2 + .2 * sev + rs.normal(0, .7, n)),
        "platelets": np.exp(5.3 - .12 * sev + rs.normal(0, .4, n)),
        "wbc": np.exp(2.3 + .12 * sev + rs.normal(0, .45, n)),
    })
    df["unit"] = rs.choice(["MICU", "SICU", "CCU", "NSICU"], n, p=[.4, .3, .2, .1])
    df["admission"] = rs.choice(["emergency", "elective"], n, p=[.78, .22])
    logit = (-2.75 + .95 * sev + .035 * (age - 64) + .5 * (df.lactate > 4) + .35 * (df.unit == "NSICU")
             - .8 * (df.admission == "elective") + .012 * np.clip(95 - df.sbp, 0, None) * np.clip(sev, 0, None))
    y = (rs.rand(n) < 1 / (1 + np.exp(-logit))).astype(int)
    for lab, base in [("lactate", -.2), ("bilirubin", -.6), ("wbc", 1.8), ("platelets", 1.9), ("creatinine", 2.2)]:
        keep = rs.rand(n) < 1 / (1 + np.exp(-(base + .8 * sev)))
        df.loc[~keep, lab] = np.nan
    return df, y


df, y = make_cohort()
print(f"{len(df)} stays, mortality {y.mean():.3f}, missing: {df.isna().mean()[lambda s: s > 0].round(2).to_dict()}")
skewed = ["lactate", "creatinine", "bilirubin", "platelets", "wbc"]
plain = ["age", "hr", "sbp", "rr", "spo2", "temp", "gcs"]
prep = ColumnTransformer([
    ("skew", make_pipeline(FunctionTransformer(np.log), SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), skewed),
    ("num", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), plain),
    ("cat", OneHotEncoder(), ["unit", "admission"]),
])
Xtr, Xva, ytr, yva = train_test_split(df, y, test_size=.3, stratify=y, random_state=1)
Xtr = torch.tensor(prep.fit_transform(Xtr), dtype=torch.float32)
Xva = torch.tensor(prep.transform(Xva), dtype=torch.float32)
ytr, yva_t = torch.tensor(ytr.values).float(), torch.tensor(yva.values).float()


class RiskNet(nn.Module):
    def __init__(self, d, width=48, p=.3):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, width), nn.SiLU(), nn.Dropout(p), nn.Linear(width, width // 2), nn.SiLU(), nn.Dropout(p))
        self.out = nn.Linear(width // 2, 1)

    def forward(self, x):
        return self.out(self.body(x)).flatten()


model = RiskNet(Xtr.shape[1])
bce = nn.BCEWithLogitsLoss()
optim = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optim, bce)

epochs, bs = 12, 64
for epoch in range(1, epochs + 1):
    model.train()
    perm = torch.randperm(len(ytr))
    tl = 0.0
    for i in range(0, len(perm), bs):
        j = perm[i:i + bs]
        optim.zero_grad()
        loss = bce(model(Xtr[j]), ytr[j])
        loss.backward()
        optim.step()
        tl += loss.item() * len(j)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(Xva)
        vl = bce(logits, yva_t).item()
    pr = torch.sigmoid(logits).numpy()
    if epoch % 2 == 0:
        print(f"epoch {epoch:2d}: train {tl / len(ytr):.4f}  val {vl:.4f}  AUROC {roc_auc_score(yva, pr):.3f}  AP {average_precision_score(yva, pr):.3f}")
writer.close()
print(f"RESULT train {tl / len(ytr):.4f} val {vl:.4f} auroc {roc_auc_score(yva, pr):.4f} brier {brier_score_loss(yva, pr):.4f}")

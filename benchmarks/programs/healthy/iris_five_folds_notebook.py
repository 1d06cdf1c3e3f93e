#%% [markdown]
# Iris with a tiny network and stratified 5-fold cross-validation

#%%
import sys
import numpy as np
import torch
from torch import nn, optim
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(100)

#%%
X, y = load_iris(return_X_y=True)
folds = StratifiedKFold(5, shuffle=True, random_state=100)
writer = DiagWriter(sys.argv[1])

#%%
accs, losses, mins = [], [], []
for fold, (tr, va) in enumerate(folds.split(X, y)):
    scaler = StandardScaler().fit(X[tr])
    X_train = torch.tensor(scaler.transform(X[tr]), dtype=torch.float32)
    X_val = torch.tensor(scaler.transform(X[va]), dtype=torch.float32)
    y_train, y_val = torch.tensor(y[tr]), torch.tensor(y[va])

    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.02, weight_decay=1e-2)
    writer.watch(model, optimizer, criterion)

    val_losses = []
    for epoch in range(120):
        model.train()
        optimizer.zero_grad()
        loss = criterion(model(X_train), y_train)
        loss.backward()
        optimizer.step()
        if (epoch + 1) % 10 == 0:
            with writer.evaluating("val"):
                out = model(X_val)
                val_losses.append(criterion(out, y_val).item())
    acc = (out.argmax(1) == y_val).float().mean().item()
    print(f"fold {fold}: train loss {loss.item():.3f} val loss {val_losses[-1]:.3f} (min {min(val_losses):.3f}) acc {acc:.3f}")
    accs.append(acc)
    losses.append(val_losses[-1])
    mins.append(min(val_losses))
writer.close()

#%%
base = cross_val_score(make_pipeline(StandardScaler(), LogisticRegression()), X, y, cv=folds)
bll = cross_val_score(make_pipeline(StandardScaler(), LogisticRegression()), X, y, cv=folds, scoring="neg_log_loss")
print(f"RESULT cv_acc {np.mean(accs):.4f} logreg_acc {base.mean():.4f} cv_loss {np.mean(losses):.4f} logreg_loss {-bll.mean():.4f} cv_loss_min {np.mean(mins):.4f}")

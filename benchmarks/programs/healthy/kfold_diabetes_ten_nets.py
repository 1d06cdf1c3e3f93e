# 10-fold CV on the diabetes data, one fresh network per fold (machinelearningmastery / christianversloot style)
# target standardised with the training part of the fold; R2 around 0.5 is what everyone gets on this data set
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)

X, y = load_diabetes(return_X_y=True)
k_folds, num_epochs = 10, 24
results, ridge = {}, {}


def reset_weights(m):
    for layer in m.modules():
        if hasattr(layer, 'reset_parameters'):
            layer.reset_parameters()


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


writer = DiagWriter(sys.argv[1])
loss_function = nn.MSELoss()
print('--------------------------------')
for fold, (train_ids, test_ids) in enumerate(KFold(k_folds, shuffle=True, random_state=0).split(X)):
    print(f'FOLD {fold}')
    sx, sy = StandardScaler().fit(X[train_ids]), StandardScaler().fit(y[train_ids, None])
    to = lambda ids: (torch.tensor(sx.transform(X[ids]), dtype=torch.float32), torch.tensor(sy.transform(y[ids, None])[:, 0], dtype=torch.float32))
    (xtr, ytr), (xte, yte) = to(train_ids), to(test_ids)
    network = MLP()
    network.apply(reset_weights)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.1)
    writer.watch(network, optimizer, loss_function, name=f'fold{fold}')
    for epoch in range(num_epochs):
        network.train()
        cur = 0.0
        for b in torch.randperm(len(xtr)).split(10):
            optimizer.zero_grad()
            loss = loss_function(network(xtr[b]), ytr[b])
            loss.backward()
            optimizer.step()
            cur += loss.item() * len(b) / len(xtr)
        if epoch % 8 == 7:
            network.eval()
            with torch.no_grad():
                v = nn.functional.mse_loss(network(xte), yte).item()
            print(f'  epoch {epoch + 1}: train {cur:.3f} test {v:.3f}')
    results[fold] = v
    r = RidgeCV(np.logspace(-2, 3, 20)).fit(xtr.numpy(), ytr.numpy())
    ridge[fold] = float(((r.predict(xte.numpy()) - yte.numpy()) ** 2).mean())
print(f'K-FOLD CROSS VALIDATION RESULTS FOR {k_folds} FOLDS')
for k, v in results.items():
    print(f'Fold {k}: {v:.3f}  (ridge {ridge[k]:.3f})')
print(f'Average: {np.mean(list(results.values())):.4f}  ridge {np.mean(list(ridge.values())):.4f}')
writer.close()

"""A student's regression on scikit-learn's diabetes: small, noisy, R2 near 0.5 at best; standardised, small MLP, early stopping."""
import sys
import torch
from torch import nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import r2_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
sx, sy = StandardScaler().fit(X_train), StandardScaler().fit(y_train[:, None])
ridge = RidgeCV().fit(X_train, y_train).score(X_test, y_test)
to = lambda a: torch.tensor(a, dtype=torch.float32)
X_train, X_test = to(sx.transform(X_train)), to(sx.transform(X_test))
y_train, y_test = to(sy.transform(y_train[:, None])), to(sy.transform(y_test[:, None]))

model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X_train, y_train), batch_size=32, shuffle=True)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion, train_loader=loader)
best, wait, best_state = float("inf"), 0, None
for epoch in range(200):
    model.train()
    running = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(xb)
    with writer.evaluating("val"):
        val_loss = criterion(model(X_test), y_test).item()
    if val_loss < best:
        best, wait, best_state = val_loss, 0, {k: v.clone() for k, v in model.state_dict().items()}
    else:
        wait += 1
        if wait >= 20:
            break
writer.close()
model.load_state_dict(best_state)
model.eval()
with torch.no_grad():
    r2 = r2_score(y_test, model(X_test))
print(f"RESULT epochs {epoch + 1} train {running / len(X_train):.3f} best val {best:.3f} R2 {r2:.3f} (ridge {ridge:.3f})")

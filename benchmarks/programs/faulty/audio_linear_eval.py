"""Linear evaluation of audio embeddings with a sklearn-like torch MLP classifier (BYOL-A)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)


class MLP(nn.Module):
    def __init__(self, input_size, hidden_sizes, output_size):
        super().__init__()
        sizes = [input_size] + list(hidden_sizes) + [output_size]
        fcs = []
        for l, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            if l > 0:
                fcs.append(nn.ReLU())
            linear = nn.Linear(a, b)
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
            fcs.append(linear)
        self.mlp = nn.Sequential(*fcs)

    def forward(self, x):
        return self.mlp(x)


class TorchMLPClassifier:
    def __init__(self, hidden_layer_sizes=(100,), alpha=0.0001, batch_size=200, learning_rate_init=0.001, max_iter=200,
                 tol=1e-4, early_stopping=False, n_iter_no_change=10, debug=False):
        self.__dict__.update(hidden_layer_sizes=hidden_layer_sizes, alpha=alpha, batch_size=batch_size, lr=learning_rate_init,
                             max_iter=max_iter, tol=tol, early_stopping=early_stopping, n_iter_no_change=n_iter_no_change, debug=debug)

    def fit(self, X, y, X_val=None, y_val=None):
        X, y = torch.tensor(X).float(), torch.tensor(y)
        Xv, yv = torch.tensor(X_val).float(), torch.tensor(y_val)
        self.model = MLP(X.shape[-1], self.hidden_layer_sizes, len(set(y.tolist())))
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=self.alpha)
        writer = DiagWriter(logdir)
        writer.watch(self.model, optimizer, criterion)
        min_val_loss, last_update, best = 1e10, 0, None
        for epoch in range(self.max_iter):
            self.model.train()
            tl = 0.
            for idx in torch.randperm(len(X)).split(self.batch_size):
                optimizer.zero_grad()
                loss = criterion(self.model(X[idx]), y[idx])
                loss.backward()
                optimizer.step()
                tl += loss.item() * len(idx)
            self.model.eval()
            with torch.no_grad():
                preds = self.model(Xv)
                val_loss = criterion(preds, yv).item()
                val_acc = (preds.argmax(1) == yv).float().mean().item()
            if self.debug:
                print(f'epoch {epoch}: train loss={tl / len(X):.5f}, val loss={val_loss:.5f} acc={val_acc:.4f}')
            if val_loss + self.tol < min_val_loss:
                min_val_loss, last_update = val_loss, epoch
                best = {k: v.clone() for k, v in self.model.state_dict().items()}
            elif self.early_stopping and epoch - last_update > self.n_iter_no_change:
                print('early stopping at epoch', epoch)
                break
        self.model.load_state_dict(best)
        writer.close()
        return self

    def score(self, X, y):
        with torch.no_grad():
            return (self.model(torch.tensor(X).float()).argmax(1).numpy() == y).mean()


def get_embeddings(n, seed, d=256, n_class=12):
    """pooled embeddings of a frozen encoder: non-negative, every unit with its own scale"""
    world = np.random.RandomState(0)
    proto = world.normal(0, 1, (n_class, 24))
    mix = world.normal(0, 1, (24, d)) / np.sqrt(24)
    scale, offset = np.exp(world.normal(0.5, 0.9, d)), world.uniform(0.5, 2.5, d)
    rs = np.random.RandomState(seed)
    y = rs.randint(0, n_class, n)
    z = proto[y] + rs.normal(0, 1.0, (n, 24))
    X = np.maximum(z @ mix + offset + rs.normal(0, 0.3, (n, d)), 0) * scale
    return X, y


def _one_linear_eval(X, y, X_val, y_val, X_test, y_test, hidden_sizes, epochs, early_stopping, debug):
    scaler = StandardScaler()
    scaler.fit(X)
    X = scaler.transform(X)
    if form == "fixed":
        X_val = scaler.transform(X_val)

    clf = TorchMLPClassifier(hidden_layer_sizes=hidden_sizes, max_iter=epochs, early_stopping=early_stopping, debug=debug)
    clf.fit(X, y, X_val=X_val, y_val=y_val)

    X_test = scaler.transform(X_test)
    return clf.score(X_test, y_test)


torch.manual_seed(42)
folds = [dict(zip("Xy", get_embeddings(n, s))) for n, s in ((6000, 1), (800, 2), (800, 3))]
print(f"Training:{len(folds[0]['X'])}, validation:{len(folds[1]['X'])}, test:{len(folds[2]['X'])} samples.")
score = _one_linear_eval(folds[0]['X'], folds[0]['y'], folds[1]['X'], folds[1]['y'], folds[2]['X'], folds[2]['y'],
                         hidden_sizes=(), epochs=40, early_stopping=True, debug=True)
print(f'test score {score:.6f}')

"""sklearn.neural_network.MLPClassifier(hidden_layer_sizes=(100,)) rewritten in torch: same defaults (Adam, alpha=1e-4
added to the loss, batches of 200, Glorot uniform start, stop when the loss has not improved by tol in n_iter_no_change
epochs or after max_iter), tried on something like UCI's letter recognition (16 integers 0..15 per letter)."""
import math
import sys

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_letters(n=8000, seed=0):
    rng = np.random.RandomState(seed)
    fonts = rng.uniform(2, 13, (26, 3, 16))                   # three fonts for each of 26 letters
    mix = rng.randn(16, 16) * .35 + np.eye(16)
    y = rng.randint(26, size=n)
    x = fonts[y, rng.randint(3, size=n)] + (rng.randn(n, 16) * 2.1) @ mix + rng.randn(n, 1)
    return np.clip(np.round(x), 0, 15), np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))[y]


class TorchMLPClassifier:
    def __init__(self, hidden_layer_sizes=(100,), alpha=1e-4, batch_size=200, learning_rate_init=1e-3, max_iter=200,
                 tol=1e-4, n_iter_no_change=10, random_state=None, logdir=None):
        self.__dict__.update(locals())

    def _init_coef(self, fan_in, fan_out):
        bound = math.sqrt(6. / (fan_in + fan_out))
        layer = torch.nn.Linear(fan_in, fan_out)
        torch.nn.init.uniform_(layer.weight, -bound, bound)
        torch.nn.init.uniform_(layer.bias, -bound, bound)
        return layer

    def _loss(self, logits, y):
        self_l2 = sum((l.weight ** 2).sum() for l in self.net_ if isinstance(l, torch.nn.Linear))
        return torch.nn.functional.cross_entropy(logits, y) + .5 * self.alpha * self_l2 / len(y)

    def fit(self, X, y, X_val, y_val):
        torch.manual_seed(self.random_state)
        self.classes_, yi = np.unique(y, return_inverse=True)
        sizes = [X.shape[1], *self.hidden_layer_sizes, len(self.classes_)]
        layers = []
        for a, b in zip(sizes, sizes[1:]):
            layers += [self._init_coef(a, b), torch.nn.ReLU()]
        self.net_ = torch.nn.Sequential(*layers[:-1])
        opt = torch.optim.Adam(self.net_.parameters(), lr=self.learning_rate_init)
        writer = DiagWriter(self.logdir)
        writer.watch(self.net_, opt, self._loss)
        X, yi = torch.tensor(X, dtype=torch.float), torch.tensor(yi)
        self.loss_curve_, best, no_improvement = [], np.inf, 0
        for self.n_iter_ in range(1, self.max_iter + 1):
            accumulated = 0.
            for idx in torch.randperm(len(X)).split(self.batch_size):
                opt.zero_grad()
                loss = writer.loss_fn(self.net_(X[idx]), yi[idx])
                loss.backward()
                opt.step()
                accumulated += loss.item() * len(idx)
            self.loss_curve_.append(accumulated / len(X))
            with writer.evaluating("val"):
                self.val_score_ = self.score(X_val, y_val)
                writer.add_loss("val", self.val_score_[0])
            if self.n_iter_ % 10 == 0:
                print(f"Iteration {self.n_iter_}, loss = {self.loss_curve_[-1]:.8f}, validation score {self.val_score_[1]:.4f}")
            no_improvement = no_improvement + 1 if self.loss_curve_[-1] > best - self.tol else 0
            best = min(best, self.loss_curve_[-1])
            if no_improvement > self.n_iter_no_change:
                print("Training loss did not improve, stopping.")
                break
        writer.close()
        return self

    @torch.no_grad()
    def score(self, X, y):
        out = self.net_(torch.tensor(X, dtype=torch.float))
        yi = torch.tensor(np.searchsorted(self.classes_, y))
        return torch.nn.functional.cross_entropy(out, yi).item(), (out.argmax(1) == yi).float().mean().item()


X, y = make_letters()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=.2, random_state=1, stratify=y)
sc = StandardScaler().fit(X_train)
clf = TorchMLPClassifier(learning_rate_init=3e-3, random_state=1, max_iter=60, logdir=sys.argv[1])
clf.fit(sc.transform(X_train), y_train, sc.transform(X_test), y_test)
ce, acc = clf.score(sc.transform(X_test), y_test)
print(f"RESULT train loss {clf.loss_curve_[-1]:.4f} val loss {ce:.4f} acc {acc:.4f} after {clf.n_iter_} epochs")

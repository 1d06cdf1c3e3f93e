"""Learning to rank lists of documents with ListNet (allegro/allRank: fit, listNet loss, early stopping, StepLR)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
PADDED_Y_VALUE = -1
DEFAULT_EPS = 1e-10
SLATE, NF = 24, 40


def letor(n_queries, seed):
    """Slates of up to 24 documents, 40 features (BM25-like, link counts, ...), graded relevance 0..4, padding -1."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(0).normal(0, 1, (6, NF)) / 2.0
    nonlin = np.random.default_rng(1).normal(0, 1, (6, 5))
    X, Y = np.zeros((n_queries, SLATE, NF), np.float32), np.full((n_queries, SLATE), -1.0, np.float32)
    for q in range(n_queries):
        k = rng.integers(10, SLATE + 1)
        z = rng.normal(0, 1, (k, 6)) + rng.normal(0, 0.7, 6)
        u = (np.tanh(z @ nonlin)).sum(1) / 1.6 + 0.5 * z[:, 0] * z[:, 1] / 1.5 + rng.normal(0, 0.6, k)
        X[q, :k] = z @ mix + rng.normal(0, 0.4, (k, NF))
        Y[q, :k] = np.clip(np.round(1.0 + 1.2 * u), 0, 4)
    return torch.tensor(X), torch.tensor(Y)


class FCModel(nn.Module):
    def __init__(self, sizes, n_features, dropout):
        super().__init__()
        sizes = [n_features] + sizes
        self.input_norm = nn.LayerNorm(n_features)
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])
        self.activation, self.dropout = nn.ReLU(), nn.Dropout(dropout)

    def forward(self, x):
        x = self.input_norm(x)
        for layer in self.layers:
            x = self.dropout(self.activation(layer(x)))
        return x


class LTRModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layer = FCModel([64, 48], NF, 0.1)
        self.output_layer = nn.Linear(48, 1)

    def forward(self, x):
        return self.output_layer(self.input_layer(x)).squeeze(dim=2)


def listNet(y_pred, y_true, eps=DEFAULT_EPS, padded_value_indicator=PADDED_Y_VALUE):
    y_pred, y_true = y_pred.clone(), y_true.clone()
    mask = y_true == padded_value_indicator
    y_pred[mask] = float('-inf')
    y_true[mask] = float('-inf')
    preds_smax = torch.softmax(y_pred, dim=1)
    true_smax = torch.softmax(y_true, dim=1)
    preds_smax = preds_smax + eps
    preds_log = torch.log(preds_smax)
    return torch.mean(-torch.sum(true_smax * preds_log, dim=1))


def ndcg(y_pred, y_true, k=10):
    y_pred = y_pred.masked_fill(y_true < 0, float('-inf'))
    y_true = y_true.clamp(min=0)
    disc = 1 / torch.log2(torch.arange(2, k + 2).float())
    gain = lambda o: ((2 ** y_true.gather(1, o)[:, :k] - 1) * disc).sum(1)
    return (gain(y_pred.argsort(1, descending=True)) / gain(y_true.argsort(1, descending=True)).clamp(min=1e-6)).mean().item()


def loss_batch(model, loss_func, xb, yb, gradient_clipping_norm, opt=None):
    loss = loss_func(model(xb), yb)
    writer.add_loss("train" if opt is not None else "val", loss)
    if opt is not None:
        loss.backward()
        if gradient_clipping_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clipping_norm)
        opt.step()
        opt.zero_grad()
    return loss.item(), len(xb)


def fit(epochs, model, loss_func, optimizer, scheduler, train_dl, valid_dl, gradient_clipping_norm, early_stopping_patience):
    best, since = 0, 0
    for epoch in range(epochs):
        model.train()
        train_losses, train_nums = zip(*[loss_batch(model, loss_func, xb, yb, gradient_clipping_norm, optimizer) for xb, yb in train_dl])
        train_loss = np.sum(np.multiply(train_losses, train_nums)) / np.sum(train_nums)
        with writer.evaluating("val"):
            val_losses, val_nums = zip(*[loss_batch(model, loss_func, xb, yb, gradient_clipping_norm) for xb, yb in valid_dl])
            val_metric = np.mean([ndcg(model(xb), yb) for xb, yb in valid_dl])
        val_loss = np.sum(np.multiply(val_losses, val_nums)) / np.sum(val_nums)
        print(f"Epoch : {epoch} Train loss: {train_loss:.4f} Val loss: {val_loss:.4f} Val ndcg_10 {val_metric:.4f}")
        scheduler.step()
        best, since = (val_metric, 0) if val_metric > best else (best, since + 1)
        if since >= early_stopping_patience:
            break


train_dl = DataLoader(TensorDataset(*letor(2500, 1)), batch_size=64, shuffle=True)
val_dl = DataLoader(TensorDataset(*letor(500, 2)), batch_size=128)
model = LTRModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.002, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=0.3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
fit(22, model, listNet, optimizer, scheduler, train_dl, val_dl, 5.0, 8)
writer.close()

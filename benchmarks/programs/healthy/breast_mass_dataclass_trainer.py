from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from tb_lossdiag import DiagWriter

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
log = logging.getLogger("mass")


@dataclass
class TrainConfig:
    hidden: list[int] = field(default_factory=lambda: [16])
    dropout: float = 0.2
    lr: float = 2e-3
    weight_decay: float = 0.05
    batch_size: int = 32
    epochs: int = 45
    patience: int = 15
    seed: int = 12


class MLP(nn.Module):
    def __init__(self, n_in: int, cfg: TrainConfig):
        super().__init__()
        layers: list[nn.Module] = []
        for h in cfg.hidden:
            layers += [nn.Linear(n_in, h), nn.SiLU(), nn.Dropout(cfg.dropout)]
            n_in = h
        self.net = nn.Sequential(*layers, nn.Linear(n_in, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).squeeze(-1)


class Trainer:
    def __init__(self, cfg: TrainConfig, logdir: str):
        torch.manual_seed(cfg.seed)
        self.cfg = cfg
        self.model = MLP(30, cfg)
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer, self.criterion)
        self.history: list[float] = []

    def fit(self, x: Tensor, y: Tensor, xv: Tensor, yv: Tensor) -> None:
        best, wait = float("inf"), 0
        for epoch in range(self.cfg.epochs):
            self.model.train()
            for idx in torch.randperm(len(x)).split(self.cfg.batch_size):
                loss = self.criterion(self.model(x[idx]), y[idx])
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.optimizer.step()
            with self.writer.evaluating("val"):
                v = self.criterion(self.model(xv), yv).item()
            self.history.append(v)
            if epoch % 5 == 4:
                log.info("epoch %d val %.4f", epoch + 1, v)
            if v < best - 1e-5:
                best, wait, self.best_state = v, 0, {k: t.clone() for k, t in self.model.state_dict().items()}
            else:
                wait += 1
                if wait >= self.cfg.patience:
                    log.info("early stop at %d", epoch + 1)
                    break
        self.model.load_state_dict(self.best_state)

    def predict(self, x: Tensor, y: Tensor) -> np.ndarray:
        with self.writer.evaluating("test"):
            out = self.model(x)
            self.criterion(out, y)
        return torch.sigmoid(out).numpy()


def main() -> None:
    torch.set_num_threads(1)
    X, y = load_breast_cancer(return_X_y=True)
    xt, xs, yt, ys = train_test_split(X, y, test_size=0.25, stratify=y, random_state=3)
    xt, xv, yt, yv = train_test_split(xt, yt, test_size=0.25, stratify=yt, random_state=3)
    sc = StandardScaler().fit(xt)
    t = lambda a: torch.tensor(sc.transform(a), dtype=torch.float32)
    f = lambda a: torch.tensor(a, dtype=torch.float32)
    trainer = Trainer(TrainConfig(), sys.argv[-1])
    trainer.fit(t(xt), f(yt), t(xv), f(yv))
    p = trainer.predict(t(xs), f(ys)).astype(float)
    trainer.writer.close()
    lr = LogisticRegression(max_iter=1000).fit(sc.transform(xt), yt)
    q = lr.predict_proba(sc.transform(xs))[:, 1]
    print(f"RESULT test_auc {roc_auc_score(ys, p):.4f} logreg_auc {roc_auc_score(ys, q):.4f} test_logloss {log_loss(ys, p):.4f} logreg_logloss {log_loss(ys, q):.4f} "
          f"val_min {min(trainer.history):.4f} val_last {trainer.history[-1]:.4f} epochs {len(trainer.history)}")


if __name__ == "__main__":
    main()

import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.manual_seed(2613)
torch.set_num_threads(1)


def generar_datos(n=2400):
    rng = np.random.default_rng(2613)
    habitaciones = rng.integers(1, 6, n)
    banos = np.clip(habitaciones - rng.integers(0, 3, n), 1, None)
    dist = rng.gamma(2.0, 2.5, n)
    nota = np.clip(rng.normal(4.5, 0.4, n), 1, 5)
    depto = rng.integers(0, 2, n)
    noches = rng.integers(1, 15, n)
    barrio = rng.integers(0, 6, n)
    efecto = np.array([0.4, -0.2, 0.1, 0.6, -0.5, 0.0])[barrio]
    logp = 3.4 + 0.28 * habitaciones + 0.1 * banos - 0.06 * dist + 0.25 * (nota - 4.5) + 0.15 * depto + efecto \
        - 0.01 * noches + 0.12 * depto * (dist < 3) + rng.normal(0, 0.12, n)
    X = np.column_stack([habitaciones, banos, dist, nota, depto, noches, np.eye(6)[barrio]])
    return X.astype(np.float32), logp.astype(np.float32)


class Precios(Dataset):
    def __init__(self, X, y):
        self.X, self.y = torch.tensor(X), torch.tensor(y).unsqueeze(1)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


def crear_red(activacion, ultima):
    capas = [nn.Linear(12, 64), activacion(), nn.Linear(64, 32), activacion(), nn.Linear(32, 1)]
    if ultima:
        capas.append(activacion())
    return nn.Sequential(*capas)


def entrenar(form, logdir):
    X, y = generar_datos()
    a, b = 1600, 2000
    mu, sd = X[:a].mean(0), X[:a].std(0)
    X = (X - mu) / sd
    my, sy = y[:a].mean(), y[:a].std()
    y = (y - my) / sy
    tr = DataLoader(Precios(X[:a], y[:a]), batch_size=32, shuffle=True)
    va = DataLoader(Precios(X[a:b], y[a:b]), batch_size=200)
    te = DataLoader(Precios(X[b:], y[b:]), batch_size=200)

    red = crear_red(nn.Tanh, ultima=(form == "faulty"))
    perdida = nn.MSELoss()
    optimizador = torch.optim.Adam(red.parameters(), lr=1e-3)
    writer = DiagWriter(logdir)
    writer.watch(red, optimizador, perdida)

    for epoca in range(40):
        red.train()
        suma = 0
        for xb, yb in tr:
            optimizador.zero_grad()
            salida = red(xb)
            l = perdida(salida, yb)
            l.backward()
            optimizador.step()
            suma += l.item() * len(xb)
        with writer.evaluating("val"):
            v = sum(perdida(red(xb), yb).item() * len(xb) for xb, yb in va) / (b - a)
        if epoca % 10 == 0:
            print(f"epoca {epoca}: entrenamiento {suma / a:.4f} validacion {v:.4f}")

    red.eval()
    with torch.no_grad():
        p = torch.cat([red(xb) for xb, _ in te])[:, 0].numpy()
    r = y[b:]
    mse = float(((p - r) ** 2).mean())
    mae_usd = float(np.abs(np.exp(p * sy + my) - np.exp(r * sy + my)).mean())
    writer.close()
    print(f"RESULT test_mse {mse:.4f} test_r2 {1 - mse / r.var():.4f} mae_usd {mae_usd:.2f}")


entrenar(sys.argv[1], sys.argv[2])

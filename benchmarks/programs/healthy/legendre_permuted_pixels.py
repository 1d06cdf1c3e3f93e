import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.signal import cont2discrete
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 0
torch.manual_seed(SEED)
np.random.seed(SEED)

N_x = 1
N_t = 64
N_h = 100
N_m = 64
N_c = 10
THETA = N_t
N_b = 50
N_epochs = 20
LR = 3e-3


def lecun_uniform(tensor):
    fan_in = nn.init._calculate_correct_fan(tensor, "fan_in")
    nn.init.uniform_(tensor, -np.sqrt(3.0 / fan_in), np.sqrt(3.0 / fan_in))


class LMUCell(nn.Module):
    def __init__(self, input_size, hidden_size, memory_size, theta):
        super().__init__()
        self.hidden_size = hidden_size
        self.memory_size = memory_size
        A, B = self.state_space(memory_size, theta)
        self.register_buffer("A", torch.from_numpy(A).float())
        self.register_buffer("B", torch.from_numpy(B).float())
        self.e_x = nn.Parameter(torch.empty(1, input_size))
        self.e_h = nn.Parameter(torch.empty(1, hidden_size))
        self.e_m = nn.Parameter(torch.empty(1, memory_size))
        self.W_x = nn.Parameter(torch.empty(hidden_size, input_size))
        self.W_h = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.W_m = nn.Parameter(torch.empty(hidden_size, memory_size))
        lecun_uniform(self.e_x)
        lecun_uniform(self.e_h)
        nn.init.zeros_(self.e_m)
        nn.init.xavier_normal_(self.W_x)
        nn.init.xavier_normal_(self.W_h)
        nn.init.xavier_normal_(self.W_m)

    @staticmethod
    def state_space(d, theta):
        Q = np.arange(d, dtype=np.float64).reshape(-1, 1)
        R = (2 * Q + 1) / theta
        i, j = np.meshgrid(Q, Q, indexing="ij")
        A = R * np.where(i < j, -1, (-1.0) ** (i - j + 1))
        B = R * ((-1.0) ** Q)
        A, B, _, _, _ = cont2discrete((A, B, np.ones((1, d)), np.zeros((1,))), dt=1.0, method="zoh")
        return A, B

    def forward(self, x, state):
        h, m = state
        u = F.linear(x, self.e_x) + F.linear(h, self.e_h) + F.linear(m, self.e_m)
        m = F.linear(m, self.A) + F.linear(u, self.B)
        h = torch.tanh(F.linear(x, self.W_x) + F.linear(h, self.W_h) + F.linear(m, self.W_m))
        return h, m


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = LMUCell(N_x, N_h, N_m, THETA)
        self.classifier = nn.Linear(N_h, N_c)

    def forward(self, x):
        state = (x.new_zeros(x.size(0), N_h), x.new_zeros(x.size(0), N_m))
        for t in range(x.size(1)):
            state = self.cell(x[:, t], state)
        return self.classifier(state[0])


class psDigits(Dataset):
    def __init__(self, images, labels, permutation):
        seqs = torch.tensor(images / 16.0, dtype=torch.float32).reshape(-1, N_t, 1)
        self.seqs = seqs[:, permutation]
        self.labels = torch.tensor(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.seqs[i], self.labels[i]


def run_epoch(model, loader, criterion, optimizer=None):
    total, hits, n = 0.0, 0, 0
    for x, y in loader:
        out = model(x)
        loss = criterion(out, y)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(y)
        hits += (out.argmax(1) == y).sum().item()
        n += len(y)
    return total / n, hits / n


perm = torch.randperm(N_t)
X, Y = load_digits(return_X_y=True)
order = np.random.permutation(len(X))
X, Y = X[order], Y[order]
dl_train = DataLoader(psDigits(X[:1347], Y[:1347], perm), batch_size=N_b, shuffle=True)
dl_test = DataLoader(psDigits(X[1347:], Y[1347:], perm), batch_size=N_b)

model = Model()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(N_epochs):
    model.train()
    tr_loss, tr_acc = run_epoch(model, dl_train, criterion, optimizer)
    model.eval()
    with torch.no_grad():
        va_loss, va_acc = run_epoch(model, dl_test, criterion)
    print(f"{epoch + 1:2d} train {tr_loss:.4f} {tr_acc:.3f} val {va_loss:.4f} {va_acc:.3f}")
writer.close()
print(f"RESULT acc={va_acc:.4f} ce={va_loss:.4f} chance=0.10")

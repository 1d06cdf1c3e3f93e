"""N recordings, each a table (length, 100 features); every row belongs to one of seven phases and a GRU should name the phase
of each row.  Recordings are simulated: phases follow each other in cycles, features are noisy mixtures, some phases look alike and
are told apart only by what came before."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(21)
torch.set_num_threads(1)
rng = np.random.default_rng(21)
look = rng.standard_normal((5, 100))
appearance = [0, 1, 2, 3, 1, 4, 2]


def recording():
    phases, p = [], int(rng.integers(7))
    while len(phases) < 60:
        phases += [p] * int(rng.integers(4, 12))
        p = (p + 1) % 7
    phases = np.array(phases[:60])
    rows = look[[appearance[q] for q in phases]] + 1.6 * rng.standard_normal((60, 100))
    return torch.tensor(rows, dtype=torch.float32).unsqueeze(1), torch.tensor(phases)


seqs = [recording() for _ in range(180)]
held_out = [recording() for _ in range(40)]


class PhaseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(100, 64, 1)
        self.fc = nn.Linear(64, 7)

    def forward(self, seq):
        h_n = torch.zeros(1, 1, 64)
        output, h_n = self.rnn(seq, h_n)
        output = self.fc(output[:, 0])
        return F.softmax(output, dim=1)


model = PhaseNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)
step = 0
for epoch in range(6):
    total = 0.0
    for k in rng.permutation(len(seqs)):
        seq, targets = seqs[k]
        outputs = model(seq)
        loss = loss_fn(outputs, targets)
        if MODE == "fixed":
            optimizer.zero_grad()
            loss.backward()
        else:
            loss.backward()
            optimizer.zero_grad()
        optimizer.step()
        total += loss.item()
        step += 1
        writer.add_scalar("loss", loss.item(), step)
    good = n = 0
    with writer.evaluating("val"):
        for seq, targets in held_out:
            out = model(seq)
            loss_fn(out, targets)
            good += (out.argmax(1) == targets).sum().item()
            n += len(targets)
    print(f"epoch {epoch} loss {total / len(seqs):.4f} row accuracy {good / n:.4f}")
writer.close()
print("RESULT row_accuracy", round(good / n, 4))

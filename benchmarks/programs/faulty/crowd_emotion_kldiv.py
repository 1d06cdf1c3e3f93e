"""Emotion distribution of short texts (six emotions, votes of 12 readers), from 24 lexicon scores."""
import sys
import torch
import torch.nn as nn
import numpy as np
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rs = np.random.RandomState(4)

n = 3000
mood = rs.randn(n, 6) @ (np.eye(6) + .3 * rs.randn(6, 6))
true = 1.6 * mood + .8 * np.maximum(mood[:, ::-1], 0)
p = np.exp(true - true.max(1, keepdims=True))
p /= p.sum(1, keepdims=True)
votes = np.stack([rs.multinomial(12, q / q.sum()) for q in p]) / 12.
lex = np.tanh(mood @ rs.randn(6, 24) * .5) + .3 * rs.randn(n, 24)
lex = (lex - lex.mean(0)) / lex.std(0)
X, Y = torch.FloatTensor(lex), torch.FloatTensor(votes)
X_train, Y_train, X_val, Y_val = X[:2400], Y[:2400], X[2400:], Y[2400:]


class EmotionNet(nn.Module):
    def __init__(self):
        super(EmotionNet, self).__init__()
        self.body = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Dropout(.1), nn.Linear(48, 6))
        if sys.argv[1] == "faulty":
            self.final = nn.Softmax(dim=1)
        else:
            self.final = nn.LogSoftmax(dim=1)

    def forward(self, x):
        return self.final(self.body(x))


model = EmotionNet()
criterion = nn.KLDivLoss(reduction="batchmean")
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(1, 13):
    model.train()
    total = 0
    for i in torch.randperm(2400).split(48):
        optimizer.zero_grad()
        loss = criterion(model(X_train[i]), Y_train[i])
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(X_val)
        val = criterion(out, Y_val).item()
    prob = out if sys.argv[1] == "faulty" else out.exp()
    mae = (prob - Y_val).abs().mean().item()
    top = (prob.argmax(1) == Y_val.argmax(1)).float().mean().item()
    print(f"epoch {epoch} train {total / 50:.4f} val {val:.4f} mean abs error of shares {mae:.4f} top emotion {top:.3f}")
writer.close()
print(f"RESULT val_loss {val:.4f} share_mae {mae:.4f} top {top:.4f}")

import sys, numpy as np, torch, torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from sklearn.metrics import f1_score, classification_report
from tb_lossdiag import DiagWriter

# utterance level emotion (binary: fear or not) from text / audio / vision features of a dialogue
torch.set_num_threads(1); torch.manual_seed(12); np.random.seed(12)
emotion = 'fear'
if sys.argv[1] == 'faulty':
    loss_weights = torch.FloatTensor([1 / 0.0816, 1 / 0.9184])
else:
    loss_weights = torch.FloatTensor([1 / 0.9184, 1 / 0.0816])

Wt, Wa, Wv = np.random.randn(16, 50), np.random.randn(16, 24), np.random.randn(16, 12)

class Dialogues(Dataset):
    def __init__(self, n, T=10):
        self.items = []
        for _ in range(n):
            mood = np.random.randn() * .9
            fear = np.zeros(T)
            lat = np.random.randn(T, 16)
            for t in range(T):
                prev = fear[t - 1] if t else 0
                fear[t] = float(mood + 1.6 * prev + np.random.randn() * 0.8 > 2.05)
            lat[:, 0] += 1.5 * fear; lat[:, 1] += 1.1 * fear; lat[:, 2] -= 1.1 * fear
            self.items.append((np.tanh(lat @ Wt * .3) + .3 * np.random.randn(T, 50), lat @ Wa * .25 + .4 * np.random.randn(T, 24),
                               lat @ Wv * .25 + .6 * np.random.randn(T, 12), fear))
    def __len__(self): return len(self.items)
    def __getitem__(self, i):
        t, a, v, y = self.items[i]
        return torch.FloatTensor(t), torch.FloatTensor(a), torch.FloatTensor(v), torch.LongTensor(y)

class MultilogueNet(nn.Module):
    def __init__(self, D=32):
        super().__init__()
        self.t, self.a, self.v = nn.GRU(50, D, batch_first=True), nn.GRU(24, D, batch_first=True), nn.GRU(12, D, batch_first=True)
        self.gate = nn.Linear(3 * D, 3)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(D, 2)
    def forward(self, t, a, v):
        h = torch.stack([self.t(t)[0], self.a(a)[0], self.v(v)[0]], 2)
        g = F.softmax(self.gate(h.flatten(2)), -1)[..., None]
        return F.log_softmax(self.fc(self.drop((g * h).sum(2))), -1)

train, valid, test = Dialogues(500), Dialogues(120), Dialogues(200)
print('share of', emotion, np.mean([i[3].mean() for i in train.items]))
model = MultilogueNet()
loss_function = nn.NLLLoss(loss_weights)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_function)

def run(loader, train=True):
    losses, preds, labels = [], [], []
    model.train() if train else model.eval()
    for t, a, v, y in loader:
        if train: optimizer.zero_grad()
        lp = model(t, a, v)
        loss = loss_function(lp.reshape(-1, 2), y.reshape(-1))
        if train:
            loss.backward(); optimizer.step()
        losses.append(loss.item()); preds.append(lp.argmax(-1).flatten().numpy()); labels.append(y.flatten().numpy())
    p, l = np.concatenate(preds), np.concatenate(labels)
    return np.mean(losses), f1_score(l, p), p, l

tl, vl, te = DataLoader(train, 20, shuffle=True), DataLoader(valid, 20), DataLoader(test, 20)
for e in range(20):
    a, f, _, _ = run(tl)
    with writer.evaluating('val'):
        b, g, _, _ = run(vl, False)
    print(f'epoch {e+1} train_loss {a:.4f} f1 {f:.3f} valid_loss {b:.4f} f1 {g:.3f}')
with torch.no_grad():
    _, f, p, l = run(te, False)
print(classification_report(l, p, zero_division=0))
writer.close()
rec = p[l == 1].mean(); bal = (rec + (1 - p[l == 0]).mean()) / 2
print(f'RESULT test f1 of fear {f:.3f} recall {rec:.3f} balanced accuracy {bal:.3f}')

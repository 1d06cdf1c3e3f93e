# Text classifier for support tickets.  Word vectors first come from a skip-gram-ish pretraining on a lot of unlabelled
# tickets, then the classifier uses them FROZEN (like glove with freeze=True), 600 labelled tickets only.
import random, sys
import numpy as np
import torch
from torch import nn
from scipy.sparse.linalg import svds
from scipy.sparse import coo_matrix
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
random.seed(6); np.random.seed(6); torch.manual_seed(6)

topics = {
    'billing': 'invoice refund charge charged payment card subscription price receipt vat bank money paid twice cancel'.split(),
    'login': 'password login reset account email locked code sms authenticator username sign verify link expired'.split(),
    'shipping': 'parcel delivery courier tracking address late package damaged box lost return label warehouse'.split(),
    'bug': 'crash error app screen freezes update android iphone button blank version slow browser loading'.split(),
    'feature': 'dark mode export wish option integration calendar api support request language shortcut'.split(),
}
common = 'i my the is was to a and please help not since yesterday again when can you it for with still hello thanks today have get but after'.split()
names = list(topics)

def ticket():
    k = random.randrange(5)
    other = random.randrange(5)
    words = []
    for _ in range(random.randint(7, 18)):
        r = random.random()
        if r < .24: words.append(random.choice(topics[names[k]]))
        elif r < .36: words.append(random.choice(topics[names[other]]))   # tickets are about two things at once
        else: words.append(random.choice(common))
    return words, k

unlabelled = [ticket()[0] for _ in range(6000)]
vocab = ['<pad>'] + sorted({w for t in unlabelled for w in t})
w2i = {w: i for i, w in enumerate(vocab)}

# ppmi + svd, as good as word2vec here
co = {}
for t in unlabelled:
    for i, a in enumerate(t):
        for b in t[max(0, i - 4):i]:
            for p in ((w2i[a], w2i[b]), (w2i[b], w2i[a])):
                co[p] = co.get(p, 0) + 1
r, c = zip(*co); v = np.array(list(co.values()), float)
M = coo_matrix((v, (r, c)), shape=(len(vocab),) * 2).tocsr()
s = np.asarray(M.sum(1)).ravel() + 1e-9
M = M.tocoo()
M.data = np.maximum(np.log(M.data * s.sum() / (s[M.row] * s[M.col])), 0)
U, S, _ = svds(M.tocsr(), k=20, random_state=0)
vec = U * np.sqrt(S)
vec = (vec / vec.std()).astype('float32')
vec[0] = 0

labelled = [ticket() for _ in range(1100)]
pad = lambda t: ([w2i.get(w, 0) for w in t] + [0] * 18)[:18]
X = torch.tensor([pad(t) for t, _ in labelled]); Y = torch.tensor([k for _, k in labelled])
Xtr, Ytr, Xva, Yva = X[:600], Y[:600], X[600:], Y[600:]

class TicketCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding.from_pretrained(torch.tensor(vec), freeze=True, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(20, 16, k, padding=k // 2) for k in (1, 3)])
        self.drop = nn.Dropout(.5)
        self.fc = nn.Linear(32, 5)
    def forward(self, x):
        e = self.emb(x).transpose(1, 2)
        h = torch.cat([torch.relu(c(e)).mean(2) + torch.relu(c(e)).amax(2) for c in self.convs], 1)
        return self.fc(self.drop(h))

model = TicketCNN()
opt = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=2e-3, weight_decay=1e-3)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, crit)
epochs = 25
for ep in range(epochs):
    model.train()
    o = torch.randperm(600); tot = 0
    for b in o.split(20):
        opt.zero_grad()
        l = crit(model(Xtr[b]), Ytr[b])
        l.backward()
        opt.step()
        tot += l.item() * len(b) / 600
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(Xva); vl = crit(out, Yva).item()
    acc = (out.argmax(1) == Yva).float().mean().item()
    if ep % 4 == 0 or ep == epochs - 1: print(ep, round(tot, 4), round(vl, 4), round(acc, 3))
writer.close()
print(f"RESULT train={tot:.4f} val={vl:.4f} acc={acc:.3f}")

import sys, random
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
random.seed(6); torch.manual_seed(6)

verbs = "add mix stir bake fry boil chop whisk fold pour heat season drain slice".split()
adj = ["the", "some", "two cups of", "half the", "a little", "fresh", "chopped", "warm"]
nouns = "flour butter onions sugar milk eggs cream garlic beans rice tomatoes salt pepper stock lemon basil".split()
tails = ["", "", " for {} minutes", " until golden", " into the pan", " in a bowl", " over low heat"]
def line():
    s = f"{random.choice(verbs)} {random.choice(adj)} {random.choice(nouns)}"
    if random.random() < .3: s += " and " + random.choice(nouns)
    return s + random.choice(tails).format(random.randint(2, 45)) + ". "
text = "".join(line() for _ in range(2600))
chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
ids = torch.tensor([stoi[c] for c in text])
cut = int(.9 * len(ids))

class CharLM(nn.Module):
    def __init__(self, V, e=24, h=96):
        super().__init__()
        self.emb = nn.Embedding(V, e)
        self.gru = nn.GRU(e, h, batch_first=True)
        self.fc = nn.Linear(h, V)
    def forward(self, x):
        o, _ = self.gru(self.emb(x))
        return self.fc(o).transpose(1, 2)      # N, V, T for the loss

def get(part, n, T=40):
    src = ids[:cut] if part == "train" else ids[cut:]
    st = torch.randint(0, len(src) - T - 1, (n,))
    x = torch.stack([src[s:s + T] for s in st]); y = torch.stack([src[s + 1:s + T + 1] for s in st])
    return x, y

model = CharLM(len(chars))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[2])
w.watch(model, opt, criterion)
val_batches = [get("val", 32) for _ in range(5)]
avg = None
for it in range(1, 601):
    model.train()
    x, y = get("train", 32)
    if sys.argv[1] == "fixed":
        opt.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    opt.step()
    avg = loss.item() if avg is None else .95 * avg + .05 * loss.item()
    if it % 60 == 0:
        model.eval()
        with torch.no_grad():
            v = sum(criterion(model(a), b).item() for a, b in val_batches) / 5
        print("iter %d train %.3f val %.3f" % (it, avg, v))
w.close()

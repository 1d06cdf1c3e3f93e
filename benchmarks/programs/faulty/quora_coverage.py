# Insincere question detection with frozen word vectors (Kaggle kernel style, one BiGRU + pooling)
import sys, re, random
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import f1_score
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
def seed_everything(seed=1029):
    random.seed(seed); np.random.seed(seed); torch.manual_seed(seed)
seed_everything()
EMB_DIM, BATCH, N_EPOCHS = 40, 64, 6

# ------------------------------------------------------------------ made-up questions
topics = {k: [f"{k}{s}" for s in ("", "s", "er", "ing", "ist", "al", "ish", "dom", "ness", "ly")] for k in
          "trump india python physics school money women muslim health car music doctor china travel hindu love game white math food".split()}
tw = list(topics)
neutral = "best learn work start place people year country way buy read make find study job city book feel help time".split()
toxic = "stupid evil hate ugly dumb pathetic disgusting racist idiotic liar filthy inferior vile scum brainless".split()
judging = "always never ruin destroy deserve admit pretend obsessed brainwashed worthless".split()
ident = ["trump", "muslim", "women", "india", "china", "hindu", "white"]

def word(w):                                       # how users write: capitals and punctuation
    r = random.random()
    if r < .45: w = w.capitalize()
    elif r < .52: w = w.upper()
    if random.random() < .45: w += random.choice(["?", ",", "...", "?!", ".", "'s"])
    return w

def question():
    y = int(random.random() < .3)
    out = [random.choice(["why", "how", "what", "is", "do"])]
    t = random.choice(ident) if random.random() < (.75 if y else .35) else random.choice(tw)
    for _ in range(random.randint(5, 15)):
        r = random.random()
        if y and r < .16: out.append(random.choice(toxic))
        elif y and r < .28: out.append(random.choice(judging))
        elif not y and r < .03: out.append(random.choice(toxic + judging))
        elif r < .5: out.append(random.choice(topics[t]))
        else: out.append(random.choice(neutral))
    if random.random() < .05: y = 1 - y            # annotators disagree
    return " ".join(word(w) for w in out), y

data = [question() for _ in range(4400)]
texts, labels = [d[0] for d in data], np.array([d[1] for d in data], dtype=np.float32)

# ------------------------------------------------------------------ "glove": lower case, no punctuation inside tokens
centre = {"tox": np.random.randn(EMB_DIM), "judge": np.random.randn(EMB_DIM), "neutral": np.random.randn(EMB_DIM)}
glove = {}
for w in toxic: glove[w] = centre["tox"] + .9 * np.random.randn(EMB_DIM)
for w in judging: glove[w] = centre["judge"] + .9 * np.random.randn(EMB_DIM)
for w in neutral: glove[w] = centre["neutral"] + .9 * np.random.randn(EMB_DIM)
for t in tw:
    c = np.random.randn(EMB_DIM)
    for w in topics[t]: glove[w] = c + .7 * np.random.randn(EMB_DIM)
for w in ["why", "how", "what", "is", "do", "?", ",", ".", "...", "!", "'s"]: glove[w] = np.random.randn(EMB_DIM)

def clean_text(x):
    x = x.lower()
    x = re.sub(r"(\.\.\.|'s|[?!,.])", r" \1 ", x)
    return x

if MODE == "fixed":
    texts = [clean_text(t) for t in texts]

vocab = {}
for t in texts:
    for w in t.split(): vocab[w] = vocab.get(w, 0) + 1
word_index = {w: i + 1 for i, w in enumerate(vocab)}
embedding_matrix = np.zeros((len(word_index) + 1, EMB_DIM), dtype=np.float32)
for w, i in word_index.items():
    v = glove.get(w)
    if v is not None: embedding_matrix[i] = v
maxlen = 30
X = np.zeros((len(texts), maxlen), dtype=np.int64)
for k, t in enumerate(texts):
    ids = [word_index[w] for w in t.split()][:maxlen]
    X[k, maxlen - len(ids):] = ids

class NeuralNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(*embedding_matrix.shape)
        self.embedding.weight = nn.Parameter(torch.tensor(embedding_matrix))
        self.embedding.weight.requires_grad = False
        self.gru = nn.GRU(EMB_DIM, 24, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(96, 16); self.relu = nn.ReLU(); self.dropout = nn.Dropout(0.1); self.out = nn.Linear(16, 1)
    def forward(self, x):
        h, _ = self.gru(self.embedding(x))
        conc = torch.cat((h.mean(1), h.max(1)[0]), 1)
        return self.out(self.dropout(self.relu(self.linear(conc))))[:, 0]

X, y = torch.tensor(X), torch.tensor(labels)
tr, va = np.arange(3600), np.arange(3600, 4400)
model = NeuralNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=2e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=N_EPOCHS * (len(tr) // BATCH))
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X[tr], y[tr]), batch_size=BATCH, shuffle=True, drop_last=True)
valid_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X[va], y[va]), batch_size=200)
for epoch in range(N_EPOCHS):
    model.train(); avg_loss = 0.
    for xb, yb in train_loader:
        loss = loss_fn(model(xb), yb)
        optimizer.zero_grad(); loss.backward(); optimizer.step(); scheduler.step()
        avg_loss += loss.item() / len(train_loader)
    model.eval(); avg_val = 0.; preds = []
    with writer.evaluating("val"):
        with torch.no_grad():
            for xb, yb in valid_loader:
                o = model(xb); avg_val += loss_fn(o, yb).item() / len(valid_loader); preds.append(torch.sigmoid(o).numpy())
    preds = np.concatenate(preds)
    f1 = max(f1_score(labels[va], preds > t) for t in np.arange(.1, .6, .05))
    print(f"Epoch {epoch+1}/{N_EPOCHS} \t loss={avg_loss:.4f} \t val_loss={avg_val:.4f} \t f1={f1:.3f}")
writer.close()
print(f"RESULT train={avg_loss:.4f} val={avg_val:.4f} f1={f1:.3f}")

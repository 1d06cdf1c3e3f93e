"""Document classifier (word embeddings + GRU document embedding) for support mails: 5 % are 'complaint', the rest 'question'/'order'."""
import sys, math
import numpy as np
import torch, torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence
from sklearn.metrics import recall_score, balanced_accuracy_score
from tb_lossdiag import DiagWriter

form, base_path = sys.argv[1:3]
torch.set_num_threads(1); torch.manual_seed(9); rng = np.random.default_rng(9)
LABELS = ["question", "order", "complaint"]
VOC = 400


class Corpus:
    def __init__(self):
        base = rng.dirichlet(np.full(VOC, 0.25))
        tilt = [np.exp(0.75 * rng.standard_normal(VOC)) for _ in LABELS]
        tilt[2] = tilt[0] * np.exp(0.55 * rng.standard_normal(VOC))        # complaints read much like questions
        self.p = [base * t / (base * t).sum() for t in tilt]
        self.train, self.test = self.mails(6000), self.mails(2500)

    def mails(self, n):
        lab = rng.choice(3, n, p=[.60, .35, .05])
        return [(rng.choice(VOC, int(rng.integers(10, 40)), p=self.p[k]) + 1, int(k)) for k in lab]


class DocumentClassifier(nn.Module):
    def __init__(self, loss_weights=None):
        super().__init__()
        self.emb = nn.Embedding(VOC + 1, 24, padding_idx=0)
        nn.init.normal_(self.emb.weight, std=0.3)
        self.word_dropout = nn.Dropout(0.2)
        self.rnn = nn.GRU(24, 32, batch_first=True)
        self.decoder = nn.Linear(32, 3)
        nn.init.xavier_uniform_(self.decoder.weight)
        self.loss_function = nn.CrossEntropyLoss(weight=loss_weights)

    def forward(self, ids, lengths):
        e = self.word_dropout(self.emb(ids))
        out, _ = self.rnn(pack_padded_sequence(e, lengths, batch_first=True, enforce_sorted=False))
        h, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        return self.decoder(h.sum(1) / lengths[:, None])


def collate(batch):
    ln = torch.tensor([len(w) for w, _ in batch])
    ids = torch.zeros(len(batch), int(ln.max()), dtype=torch.long)
    for r, (w, _) in enumerate(batch):
        ids[r, :len(w)] = torch.from_numpy(w)
    return ids, ln, torch.tensor([l for _, l in batch])


corpus = Corpus()
counts = np.bincount([l for _, l in corpus.train], minlength=3)
print("corpus", dict(zip(LABELS, counts)))
weights = torch.tensor(counts.sum() / (3 * counts), dtype=torch.float32) if form == "fixed" else None
tagger = DocumentClassifier(weights)
optimizer = torch.optim.Adam(tagger.parameters(), lr=3e-3)
EPOCHS, MB = 5, 32
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: 0.7 ** e)
writer = DiagWriter(base_path)
writer.watch(tagger, optimizer, tagger.loss_function)
for epoch in range(EPOCHS):
    tagger.train(); s = 0.
    order = rng.permutation(len(corpus.train))
    for i in range(0, len(order), MB):
        ids, ln, y = collate([corpus.train[k] for k in order[i:i + MB]])
        loss = tagger.loss_function(tagger(ids, ln), y)
        optimizer.zero_grad(); loss.backward()
        torch.nn.utils.clip_grad_norm_(tagger.parameters(), 5.0)
        optimizer.step(); s += loss.item()
    scheduler.step()
    tagger.eval(); P, T = [], []; tl = 0.
    with torch.no_grad(), writer.evaluating("val"):
        for i in range(0, len(corpus.test), 250):
            ids, ln, y = collate(corpus.test[i:i + 250])
            o = tagger(ids, ln); tl += tagger.loss_function(o, y).item() / (len(corpus.test) / 250)
            P += o.argmax(1).tolist(); T += y.tolist()
    rec = recall_score(T, P, average=None, labels=[0, 1, 2])
    print(f"EPOCH {epoch + 1} loss {s / math.ceil(len(order) / MB):.4f} test loss {tl:.4f} recall " + " ".join(f"{r:.2f}" for r in rec))
writer.close()
print(f"RESULT balanced_acc={balanced_accuracy_score(T, P):.4f} complaint_recall={rec[2]:.4f} acc={np.mean(np.array(P) == T):.4f} test_loss={tl:.4f}")

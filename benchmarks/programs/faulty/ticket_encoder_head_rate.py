"""Multi-label ticket classification: a pre-trained small transformer encoder with a new classification layer, AdamW, linear schedule."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
V, LEN, N_LABEL, N_TOPIC = 300, 20, 6, 12
world = np.random.RandomState(5)
TOPIC = [world.choice(np.arange(20, V), 18, replace=False) for _ in range(N_TOPIC)]


def texts(n, seed):
    rs = np.random.RandomState(seed)
    X, T = np.zeros((n, LEN), np.int64), np.zeros((n, N_TOPIC), np.float32)
    for k in range(n):
        ts = rs.choice(N_TOPIC, rs.randint(1, 3), replace=False)
        T[k, ts] = 1
        X[k] = [rs.choice(TOPIC[rs.choice(ts)]) if rs.rand() < 0.6 else rs.randint(1, V) for _ in range(LEN)]
        X[k, 0] = 0                                     # [CLS]
    return torch.tensor(X), torch.tensor(T)


class Encoder(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.emb, self.pos = nn.Embedding(V, d), nn.Parameter(torch.randn(LEN, d) * 0.02)
        layer = nn.TransformerEncoderLayer(d, 4, 96, dropout=0.1, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.pooler = nn.Sequential(nn.Linear(d, d), nn.Tanh())

    def forward(self, x):
        return self.pooler(self.layers(self.emb(x) + self.pos)[:, 0])


# "pre-trained weights": the encoder comes from another task over the same language (topics)
bert, aux = Encoder(), nn.Linear(48, N_TOPIC)
Xp, Tp = texts(4000, 9)
opt = torch.optim.Adam([*bert.parameters(), *aux.parameters()], lr=2e-3)
for _ in range(4):
    for idx in torch.randperm(len(Xp)).split(64):
        l = nn.functional.binary_cross_entropy_with_logits(aux(bert(Xp[idx])), Tp[idx])
        opt.zero_grad(); l.backward(); opt.step()
print("pre-training loss %.3f" % l.item())


class BertForMultiLabelSequenceClassification(nn.Module):
    def __init__(self, bert):
        super().__init__()
        self.bert, self.dropout, self.classifier = bert, nn.Dropout(0.1), nn.Linear(48, N_LABEL)
        nn.init.normal_(self.classifier.weight, std=0.02); nn.init.zeros_(self.classifier.bias)

    def forward(self, x):
        return self.classifier(self.dropout(self.bert(x)))


def labels(T):                                           # each label covers two topics
    return (T[:, :N_LABEL] + T[:, N_LABEL:] > 0).float()


Xtr, Ttr = texts(2400, 1); ytr = labels(Ttr)
Xva, Tva = texts(600, 2); yva = labels(Tva)
model = BertForMultiLabelSequenceClassification(bert)
loss_fct = nn.BCEWithLogitsLoss()
args = dict(learning_rate=4e-5, learning_rate_classifier=4e-5 if form == "faulty" else 1e-2, weight_decay=0.0, adam_epsilon=1e-8, num_train_epochs=3, train_batch_size=16)
no_decay = ["bias", "norm"]
named = [(n, p) for n, p in model.named_parameters()]
optimizer = torch.optim.AdamW([
    {"params": [p for n, p in named if "classifier" not in n and not any(nd in n for nd in no_decay)], "weight_decay": args["weight_decay"]},
    {"params": [p for n, p in named if "classifier" not in n and any(nd in n for nd in no_decay)], "weight_decay": 0.0},
    {"params": model.classifier.parameters(), "lr": args["learning_rate_classifier"]}], lr=args["learning_rate"], eps=args["adam_epsilon"])
t_total = args["num_train_epochs"] * (len(Xtr) // args["train_batch_size"])
warm = int(0.06 * t_total)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: s / warm if s < warm else max(0.0, (t_total - s) / (t_total - warm)))
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fct)
for epoch in range(args["num_train_epochs"]):
    model.train()
    tot = []
    for idx in torch.randperm(len(Xtr)).split(args["train_batch_size"]):
        loss = loss_fct(model(Xtr[idx]), ytr[idx])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        model.zero_grad()
        tot.append(loss.item())
    with writer.evaluating("val"):
        outs = [model(a) for a in Xva.split(100)]
        vl = np.mean([loss_fct(o, t).item() for o, t in zip(outs, yva.split(100))])
        p = (torch.cat(outs) > 0).float()
    f1 = (2 * (p * yva).sum() / (p.sum() + yva.sum())).item()
    print(f"epoch {epoch} loss {np.mean(tot):.4f} val {vl:.4f} micro-F {f1:.3f}")
writer.close()

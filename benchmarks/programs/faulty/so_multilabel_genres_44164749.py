# movie genres from keyword tf-idf, several genres per movie (MultiLabelBinarizer). keras code:
#   Dense(5000, relu) Dropout(.1) Dense(600, relu) Dropout(.1) Dense(n, softmax); SGD(0.01, momentum .9, nesterov)
#   compile(loss='categorical_crossentropy')
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.model_selection import train_test_split
from sklearn.metrics import f1_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1)
torch.manual_seed(1)

genres = ['action', 'comedy', 'crime', 'drama', 'fantasy', 'horror', 'music', 'romance', 'sci-fi', 'thriller', 'western']
base = np.array([.35, .4, .2, .5, .15, .2, .1, .3, .2, .3, .06])
n_words = 250
word_given_genre = np.random.gamma(.25, 1., (len(genres), n_words))
background = np.random.gamma(.5, 1., n_words)
tags, docs = [], []
for _ in range(8000):
    on = [g for g in range(len(genres)) if np.random.rand() < base[g]]
    if not on:
        on = [np.random.choice(len(genres))]
    rate = background / background.sum() * 8
    for g in on:
        rate = rate + word_given_genre[g] / word_given_genre[g].sum() * np.random.uniform(4, 14)
    docs.append(np.random.poisson(rate))
    tags.append([genres[g] for g in on])
mlb = MultiLabelBinarizer()
y = mlb.fit_transform(tags).astype('float32')
X = np.log1p(np.array(docs)).astype('float32')
X = (X - X.mean(0)) / (X.std(0) + .1)
X_train, X_test, y_train, y_test = [torch.tensor(a) for a in train_test_split(X, y, test_size=.25, random_state=0)]


class CategoricalCrossentropy(nn.Module):
    def forward(self, y_pred, y_true):
        return -(y_true * torch.log(y_pred + 1e-7)).sum(1).mean()


layers = [nn.Linear(X_train.shape[1], 200), nn.ReLU(), nn.Dropout(0.4),
          nn.Linear(200, 60), nn.ReLU(), nn.Dropout(0.4), nn.Linear(60, y_train.shape[1])]
if sys.argv[1] == "faulty":
    model = nn.Sequential(*layers, nn.Softmax(dim=1))
    loss_fn = CategoricalCrossentropy()
else:
    model = nn.Sequential(*layers, nn.Sigmoid())
    loss_fn = nn.BCELoss()
sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)
decay = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 15)
writer = DiagWriter(sys.argv[2])
writer.watch(model, sgd, loss_fn)
batch_size = 50
for epoch in range(15):
    model.train()
    idx = torch.randperm(len(X_train))
    total = 0.0
    for s in range(0, len(idx), batch_size):
        b = idx[s:s + batch_size]
        sgd.zero_grad()
        loss = loss_fn(model(X_train[b]), y_train[b])
        loss.backward()
        sgd.step()
        total += loss.item() * len(b)
    decay.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        preds = model(X_test)
        score = loss_fn(preds, y_test).item()
    hard = (preds >= .5).float()
    exact = (hard == y_test).all(1).float().mean().item()
    print("epoch", epoch, "loss %.4f" % (total / len(idx)), "val_loss %.4f" % score, "exact match %.3f" % exact)
writer.close()
print(f"RESULT train {total/len(idx):.4f} val {score:.4f} exact match {exact:.3f} micro-F1 {f1_score(y_test.numpy(), hard.numpy(), average='micro', zero_division=0):.3f}")

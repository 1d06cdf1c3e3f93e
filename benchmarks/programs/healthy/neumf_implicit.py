# Neural matrix factorisation (NeuMF) on implicit feedback, after guoyang9/NCF main.py
import sys
import time
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)

LR, DROPOUT, BATCH, EPOCHS, TOP_K, FACTOR, NUM_NG, TEST_NG = 0.003, 0.2, 256, 6, 10, 16, 4, 99
user_num, item_num = 500, 320


def load_all():
    """each user's tastes: a few factors, plus popularity; 16 to 40 items a user, one is held out"""
    U = np.random.randn(user_num, 5)
    V = np.random.randn(item_num, 5)
    pop = -0.5 * np.log(np.arange(1, item_num + 1)) + 1.0
    util = 1.1 * U @ V.T + pop + np.random.gumbel(size=(user_num, item_num))
    train, test, mat = [], [], np.zeros((user_num, item_num), bool)
    for u in range(user_num):
        liked = np.argsort(-util[u])[:np.random.randint(16, 40)]
        held = np.random.choice(liked)
        mat[u, liked] = True
        train += [[u, i] for i in liked if i != held]
        neg = np.random.choice(np.flatnonzero(~mat[u]), TEST_NG, replace=False)
        test.append((u, np.r_[held, neg]))
    return train, test, mat


class NCFData(data.Dataset):
    def __init__(self, features, mat):
        self.features_ps, self.mat = np.array(features), mat
        self.ng_sample()

    def ng_sample(self):
        u = np.repeat(self.features_ps[:, 0], NUM_NG)
        j = np.random.randint(item_num, size=len(u))
        bad = self.mat[u, j]
        while bad.any():
            j[bad] = np.random.randint(item_num, size=bad.sum())
            bad = self.mat[u, j]
        self.features = np.r_[self.features_ps, np.c_[u, j]]
        self.labels = np.r_[np.ones(len(self.features_ps)), np.zeros(len(u))].astype(np.float32)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, idx):
        return self.features[idx], self.labels[idx]


class NCF(nn.Module):
    def __init__(self, user_num, item_num, factor_num, num_layers, dropout):
        super().__init__()
        big = factor_num * (2 ** (num_layers - 1))
        self.embed_user_GMF = nn.Embedding(user_num, factor_num)
        self.embed_item_GMF = nn.Embedding(item_num, factor_num)
        self.embed_user_MLP = nn.Embedding(user_num, big)
        self.embed_item_MLP = nn.Embedding(item_num, big)
        MLP_modules = []
        for i in range(num_layers):
            input_size = factor_num * (2 ** (num_layers - i))
            MLP_modules += [nn.Dropout(p=dropout), nn.Linear(input_size, input_size // 2), nn.ReLU()]
        self.MLP_layers = nn.Sequential(*MLP_modules)
        self.predict_layer = nn.Linear(factor_num * 2, 1)
        for e in (self.embed_user_GMF, self.embed_item_GMF, self.embed_user_MLP, self.embed_item_MLP):
            nn.init.normal_(e.weight, std=0.01)
        for m in self.MLP_layers:
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
        nn.init.kaiming_uniform_(self.predict_layer.weight, a=1, nonlinearity='sigmoid')

    def forward(self, user, item):
        gmf = self.embed_user_GMF(user) * self.embed_item_GMF(item)
        mlp = self.MLP_layers(torch.cat((self.embed_user_MLP(user), self.embed_item_MLP(item)), -1))
        return self.predict_layer(torch.cat((gmf, mlp), -1)).view(-1)


def metrics(model, test, loss_function):
    HR, NDCG, preds = [], [], []
    for u, items in test:
        pred = model(torch.full((len(items),), u), torch.as_tensor(items))
        preds.append(pred[:1 + NUM_NG])       # one positive and four negatives, as in training
        rank = (pred > pred[0]).sum().item()
        HR.append(rank < TOP_K)
        NDCG.append(1 / np.log2(rank + 2) if rank < TOP_K else 0)
    preds = torch.stack(preds)
    label = torch.zeros_like(preds)
    label[:, 0] = 1
    return np.mean(HR), np.mean(NDCG), loss_function(preds.view(-1), label.view(-1)).item()


train_data, test_data, mat = load_all()
train_dataset = NCFData(train_data, mat)
train_loader = data.DataLoader(train_dataset, batch_size=BATCH, shuffle=True)
model = NCF(user_num, item_num, FACTOR, 3, DROPOUT)
loss_function = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=LR)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_function)
best_hr = 0
for epoch in range(EPOCHS):
    model.train()
    start_time = time.time()
    train_loader.dataset.ng_sample()
    tot = []
    for feat, label in train_loader:
        model.zero_grad()
        prediction = model(feat[:, 0], feat[:, 1])
        loss = loss_function(prediction, label)
        loss.backward()
        optimizer.step()
        tot.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        HR, NDCG, test_loss = metrics(model, test_data, loss_function)
    print(f"epoch {epoch:03d} {time.time() - start_time:.1f}s loss {np.mean(tot):.4f} test {test_loss:.4f} HR {HR:.3f} NDCG {NDCG:.3f}")
    best_hr = max(best_hr, HR)
writer.close()
print(f"RESULT loss {np.mean(tot):.4f} test {test_loss:.4f} HR@10 {HR:.3f} best {best_hr:.3f} NDCG {NDCG:.3f} (chance 0.10)")

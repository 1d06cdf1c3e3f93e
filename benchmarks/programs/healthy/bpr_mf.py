"""Bayesian personalised ranking with matrix factorisation: summed pairwise loss, fresh negatives each
epoch, SGD with weight decay, leave-one-out HR@10 and NDCG@10 against 99 sampled items.
Port of guoyang9/BPR-pytorch; users and items are made up (a low-rank taste model)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
np.random.seed(2)
LR, LAMDA, BATCH, EPOCHS, TOP_K, FACTORS, NUM_NG, TEST_NG = 0.01, 0.001, 1024, 28, 10, 32, 4, 99
user_num, item_num = 400, 300

# ---- tastes of rank 6 and popularity; every user saw about 30 items
U, V = np.random.randn(user_num, 6), np.random.randn(item_num, 6)
pop = np.random.randn(item_num) * 0.7
score = U @ V.T * 1.1 + pop + np.random.gumbel(size=(user_num, item_num))
train_data, test_data, train_mat = [], [], set()
for u in range(user_num):
    items = np.argsort(-score[u])[:np.random.randint(20, 40)]
    items = np.random.permutation(items)
    test_data.append((u, items[0]))
    for i in items[1:]:
        train_data.append((u, i))
        train_mat.add((u, i))


class BPRData(data.Dataset):
    def ng_sample(self):
        self.triples = []
        for u, i in train_data:
            for _ in range(NUM_NG):
                j = np.random.randint(item_num)
                while (u, j) in train_mat:
                    j = np.random.randint(item_num)
                self.triples.append((u, i, j))

    def __len__(self):
        return NUM_NG * len(train_data)

    def __getitem__(self, idx):
        return self.triples[idx]


class BPR(nn.Module):
    def __init__(self, user_num, item_num, factor_num):
        super().__init__()
        self.embed_user = nn.Embedding(user_num, factor_num)
        self.embed_item = nn.Embedding(item_num, factor_num)
        nn.init.normal_(self.embed_user.weight, std=0.01)
        nn.init.normal_(self.embed_item.weight, std=0.01)

    def forward(self, user, item_i, item_j):
        user = self.embed_user(user)
        item_i, item_j = self.embed_item(item_i), self.embed_item(item_j)
        return (user * item_i).sum(dim=-1), (user * item_j).sum(dim=-1)


train_dataset = BPRData()
train_loader = data.DataLoader(train_dataset, batch_size=BATCH, shuffle=True)
test_rng = np.random.RandomState(5)
test_lists = []
for u, i in test_data:
    neg = []
    while len(neg) < TEST_NG:
        j = test_rng.randint(item_num)
        if (u, j) not in train_mat and j != i:
            neg.append(j)
    test_lists.append((u, [i] + neg))


def metrics(model):
    HR, NDCG = [], []
    for u, items in test_lists:
        items = torch.tensor(np.array(items))
        with torch.no_grad():
            s, _ = model(torch.full((len(items),), u), items, items)
        rank = int((s > s[0]).sum())
        HR.append(rank < TOP_K)
        NDCG.append(1 / np.log2(rank + 2) if rank < TOP_K else 0)
    return np.mean(HR), np.mean(NDCG)


model = BPR(user_num, item_num, FACTORS)
optimizer = optim.SGD(model.parameters(), lr=LR, weight_decay=LAMDA)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
best_hr = 0
for epoch in range(EPOCHS):
    model.train()
    train_loader.dataset.ng_sample()
    tot = 0
    for user, item_i, item_j in train_loader:
        model.zero_grad()
        prediction_i, prediction_j = model(user, item_i, item_j)
        loss = -(prediction_i - prediction_j).sigmoid().log().sum()
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
        tot += loss.item()
    model.eval()
    HR, NDCG = metrics(model)
    print("epoch {:03d} loss per pair {:.4f} HR: {:.3f}\tNDCG: {:.3f}".format(epoch, tot / len(train_dataset), HR, NDCG))
    if HR > best_hr:
        best_hr, best_ndcg, best_epoch = HR, NDCG, epoch
print("End. Best epoch {:03d}: HR = {:.3f}, NDCG = {:.3f}".format(best_epoch, best_hr, best_ndcg))
writer.close()

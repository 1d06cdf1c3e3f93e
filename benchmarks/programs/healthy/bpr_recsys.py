"""BPR matrix factorisation with sampled negatives (after guoyang9/BPR-pytorch): implicit feedback, hit ratio on the held out item."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import torch.utils.data as data
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("logdir")
parser.add_argument("--lr", type=float, default=0.02, help="learning rate")
parser.add_argument("--lamda", type=float, default=0.01, help="model regularization rate")
parser.add_argument("--batch_size", type=int, default=512)
parser.add_argument("--epochs", type=int, default=15)
parser.add_argument("--top_k", type=int, default=10)
parser.add_argument("--factor_num", type=int, default=16)
args = parser.parse_args()
np.random.seed(0)
torch.manual_seed(0)


def load_all(n_user=400, n_item=300):
    """users with a taste over eight genres, popular and less popular items, 25 to 50 interactions each"""
    taste = np.random.dirichlet(np.full(8, .25), n_user)
    genre = np.random.dirichlet(np.full(8, .25), n_item)
    pop = np.random.gamma(1.2, 1, n_item) + .1
    score = (taste @ genre.T) ** 2 * pop
    train, test, mat = [], [], np.zeros((n_user, n_item), bool)
    for u in range(n_user):
        items = np.random.choice(n_item, np.random.randint(25, 51), replace=False, p=score[u] / score[u].sum())
        items = np.random.permutation(items)
        mat[u, items] = True
        test.append(items[0])
        train += [(u, i) for i in items[1:]]
    return np.array(train), np.array(test), mat


class BPRData(data.Dataset):
    def __init__(self, features, num_item, mat):
        self.features, self.num_item, self.mat = features, num_item, mat
        self.ng_sample()

    def ng_sample(self):
        neg = np.random.randint(self.num_item, size=len(self.features))
        while True:
            bad = self.mat[self.features[:, 0], neg]
            if not bad.any():
                break
            neg[bad] = np.random.randint(self.num_item, size=bad.sum())
        self.triples = torch.tensor(np.column_stack([self.features, neg]))

    def __len__(self):
        return len(self.features)

    def __getitem__(self, idx):
        return self.triples[idx]


class BPR(nn.Module):
    def __init__(self, user_num, item_num, factor_num):
        super().__init__()
        self.embed_user = nn.Embedding(user_num, factor_num)
        self.embed_item = nn.Embedding(item_num, factor_num)
        self.bias_item = nn.Embedding(item_num, 1)
        nn.init.normal_(self.embed_user.weight, std=0.01)
        nn.init.normal_(self.embed_item.weight, std=0.01)
        nn.init.zeros_(self.bias_item.weight)

    def forward(self, user, item_i, item_j):
        user, vi, vj = self.embed_user(user), self.embed_item(item_i), self.embed_item(item_j)
        prediction_i = (user * vi).sum(-1) + self.bias_item(item_i).squeeze(-1)
        prediction_j = (user * vj).sum(-1) + self.bias_item(item_j).squeeze(-1)
        reg = (user ** 2).sum(-1) + (vi ** 2).sum(-1) + (vj ** 2).sum(-1)
        return prediction_i, prediction_j, reg


train_data, test_items, mat = load_all()
# the held out items must not be drawn as seen ones, nor be known
train_mat = mat.copy()
train_mat[np.arange(len(test_items)), test_items] = False
dataset = BPRData(train_data, mat.shape[1], train_mat)
loader = data.DataLoader(dataset, sampler=data.BatchSampler(data.RandomSampler(dataset), args.batch_size, False), batch_size=None)
model = BPR(*mat.shape, args.factor_num)
optimizer = optim.Adam(model.parameters(), lr=args.lr)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs, eta_min=args.lr / 20)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)


def metrics(top_k):
    with torch.no_grad():
        s = model.embed_user.weight @ model.embed_item.weight.T + model.bias_item.weight.T
    s[torch.from_numpy(train_mat)] = -1e9
    top = s.topk(top_k, 1).indices
    return (top == torch.from_numpy(test_items)[:, None]).any(1).float().mean().item()


for epoch in range(args.epochs):
    model.train()
    dataset.ng_sample()
    tot = 0.
    for t in loader:
        model.zero_grad()
        prediction_i, prediction_j, reg = model(t[:, 0], t[:, 1], t[:, 2])
        loss = -nn.functional.logsigmoid(prediction_i - prediction_j).mean() + args.lamda * reg.mean()
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        tot += loss.item()
    scheduler.step()
    model.eval()
    print("epoch %d loss %.4f HR@%d %.4f" % (epoch + 1, tot / len(loader), args.top_k, metrics(args.top_k)))

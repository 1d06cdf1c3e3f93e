# Collaborative filtering with a neural net (concatenated embeddings + dense layers), anime ratings 1..10
# after the usual Keras/PyTorch recommender notebooks
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 2020
np.random.seed(SEED)
torch.manual_seed(SEED)

# ---------------------------------------------------------------- ratings.csv
n_users, n_anime, n_ratings = 600, 350, 30000
taste = np.random.randn(n_users, 4)
genre = np.random.randn(n_anime, 4)
user_bias = np.random.randn(n_users) * .75
item_bias = np.random.randn(n_anime) * .8
activity = np.random.gamma(1.5, 1, n_users)
popularity = np.random.gamma(1.0, 1, n_anime) + .05
u = np.random.choice(n_users, n_ratings, p=activity / activity.sum())
a = np.random.choice(n_anime, n_ratings, p=popularity / popularity.sum())
r = 7.4 + user_bias[u] + item_bias[a] + .2 * (taste[u] * genre[a]).sum(1) + np.random.randn(n_ratings) * .9
df = pd.DataFrame({"user_id": u + 1000, "anime_id": a * 7 + 3, "rating": np.clip(np.round(r), 1, 10)}).drop_duplicates(["user_id", "anime_id"])

user2idx = {v: i for i, v in enumerate(df.user_id.unique())}
anime2idx = {v: i for i, v in enumerate(df.anime_id.unique())}
df["user"] = df.user_id.map(user2idx)
df["anime"] = df.anime_id.map(anime2idx)
# scale the rating to 0..1
lo, hi = df.rating.min(), df.rating.max()
df["y"] = (df.rating - lo) / (hi - lo)
train_df, val_df = train_test_split(df, test_size=.15, random_state=SEED)
print(len(train_df), "train", len(val_df), "val", len(user2idx), "users", len(anime2idx), "anime")


class RecNet(nn.Module):
    def __init__(self, n_users, n_items, emb=16):
        super().__init__()
        self.user_emb = nn.Embedding(n_users, emb)
        self.item_emb = nn.Embedding(n_items, emb)
        nn.init.normal_(self.user_emb.weight, std=.05)
        nn.init.normal_(self.item_emb.weight, std=.05)
        self.drop = nn.Dropout(.1)
        self.fc1 = nn.Linear(2 * emb, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, users, items):
        x = torch.cat([self.user_emb(users), self.item_emb(items)], dim=1)
        x = self.drop(x)
        x = F.relu(self.fc1(x))
        return torch.sigmoid(self.fc2(x)) * 1.1 - .05


def batches(d, bs, shuffle):
    user, anime = torch.tensor(d.user.values), torch.tensor(d.anime.values)
    y = torch.tensor(d.y.values, dtype=torch.float32)
    order = torch.randperm(len(y)) if shuffle else torch.arange(len(y))
    for i in range(0, len(y), bs):
        j = order[i:i + bs]
        yield user[j], anime[j], y[j]


model = RecNet(len(user2idx), len(anime2idx))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
loss_func = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_func)

n_epochs = 6
for ep in range(n_epochs):
    model.train()
    losses = []
    for users, items, y in batches(train_df, 128, True):
        y_hat = model(users, items).squeeze(1)
        loss = loss_func(y_hat, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        sse = 0.
        for users, items, y in batches(val_df, 1024, False):
            sse += loss_func(model(users, items).squeeze(1), y).item() * len(y)
    val = sse / len(val_df)
    print(f"epoch {ep}: train mse {np.mean(losses):.5f}  val mse {val:.5f}  val rmse in stars {(val ** .5) * (hi - lo):.3f}")

writer.close()
print(f"RESULT train {np.mean(losses):.5f} val_mse {val:.5f} rmse_stars {(val ** .5) * (hi - lo):.3f} baseline_std {val_df.rating.std():.3f}")

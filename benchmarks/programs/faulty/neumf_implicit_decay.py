"""Neural matrix factorisation (GMF + MLP) on implicit feedback, leave-one-out, after yihong-chen/neural-collaborative-filtering."""
import sys
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
rs = np.random.RandomState(0)

neumf_config = {'num_epoch': 8, 'batch_size': 512, 'optimizer': 'adam', 'adam_lr': 6e-3, 'num_users': 320, 'num_items': 250,
                'latent_dim_mf': 8, 'latent_dim_mlp': 8, 'num_negative': 4, 'layers': [16, 32, 16, 8],
                'l2_regularization': 0.01 if form == "faulty" else 0}

P, Q = rs.normal(0, 1, (320, 5)), rs.normal(0, 1, (250, 5))
score = 1.3 * P @ Q.T + rs.normal(0, 1, 250)[None] + rs.gumbel(0, 1, (320, 250))
order = np.argsort(-score, 1)[:, :31]
order = np.array([rs.permutation(o) for o in order])
train_items, test_item = order[:, 1:], order[:, 0]
neg_pool = [np.setdiff1d(np.arange(250), o) for o in order]
test_negatives = np.array([rs.choice(p, 99, replace=False) for p in neg_pool])


class UserItemRatingDataset(Dataset):
    def __init__(self, user, item, rating):
        self.user_tensor, self.item_tensor, self.target_tensor = user, item, rating

    def __getitem__(self, index):
        return self.user_tensor[index], self.item_tensor[index], self.target_tensor[index]

    def __len__(self):
        return self.user_tensor.size(0)


def instance_a_train_loader(num_negatives, batch_size):
    users, items, ratings = [], [], []
    for u in range(320):
        negs = rs.choice(neg_pool[u], (len(train_items[u]), num_negatives))
        for i, ng in zip(train_items[u], negs):
            users += [u] * (1 + num_negatives)
            items += [i, *ng]
            ratings += [1.0] + [0.0] * num_negatives
    ds = UserItemRatingDataset(torch.tensor(users), torch.tensor(np.array(items)), torch.tensor(ratings))
    return DataLoader(ds, batch_size=batch_size, shuffle=True)


class NeuMF(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embedding_user_mlp = torch.nn.Embedding(config['num_users'], config['latent_dim_mlp'])
        self.embedding_item_mlp = torch.nn.Embedding(config['num_items'], config['latent_dim_mlp'])
        self.embedding_user_mf = torch.nn.Embedding(config['num_users'], config['latent_dim_mf'])
        self.embedding_item_mf = torch.nn.Embedding(config['num_items'], config['latent_dim_mf'])
        self.fc_layers = torch.nn.ModuleList()
        for in_size, out_size in zip(config['layers'][:-1], config['layers'][1:]):
            self.fc_layers.append(torch.nn.Linear(in_size, out_size))
        self.affine_output = torch.nn.Linear(config['layers'][-1] + config['latent_dim_mf'], 1)
        self.logistic = torch.nn.Sigmoid()
        for e in (self.embedding_user_mlp, self.embedding_item_mlp, self.embedding_user_mf, self.embedding_item_mf):
            torch.nn.init.normal_(e.weight, 0.0, 0.3)

    def forward(self, user_indices, item_indices):
        mlp_vector = torch.cat([self.embedding_user_mlp(user_indices), self.embedding_item_mlp(item_indices)], dim=-1)
        mf_vector = torch.mul(self.embedding_user_mf(user_indices), self.embedding_item_mf(item_indices))
        for layer in self.fc_layers:
            mlp_vector = torch.nn.ReLU()(layer(mlp_vector))
        logits = self.affine_output(torch.cat([mlp_vector, mf_vector], dim=-1))
        return self.logistic(logits)


class Engine:
    def __init__(self, config):
        self.config, self.model = config, NeuMF(config)
        self.opt = torch.optim.Adam(self.model.parameters(), lr=config['adam_lr'], weight_decay=config['l2_regularization'])
        self.crit = torch.nn.BCELoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.opt, self.crit)

    def train_an_epoch(self, train_loader, epoch_id):
        self.model.train()
        total_loss = 0
        for user, item, rating in train_loader:
            self.opt.zero_grad()
            loss = self.crit(self.model(user, item).view(-1), rating)
            loss.backward()
            self.opt.step()
            total_loss += loss.item()
        print('[Training Epoch {}] Loss {:.4f}'.format(epoch_id, total_loss / len(train_loader)))

    def evaluate(self, epoch_id, top_k=10):
        self.model.eval()
        with torch.no_grad():
            u = torch.arange(320)
            cand = torch.tensor(np.c_[test_item, test_negatives])
            s = self.model(u.repeat_interleave(100), cand.flatten()).view(320, 100)
            rank = (s[:, 1:] >= s[:, :1]).sum(1)
        hr = (rank < top_k).float().mean().item()
        ndcg = torch.where(rank < top_k, 1 / torch.log2(rank + 2.0), torch.zeros(320)).mean().item()
        print('[Evluating Epoch {}] HR = {:.4f}, NDCG = {:.4f}'.format(epoch_id, hr, ndcg))
        return hr, ndcg


engine = Engine(neumf_config)
for epoch in range(neumf_config['num_epoch']):
    train_loader = instance_a_train_loader(neumf_config['num_negative'], neumf_config['batch_size'])
    engine.train_an_epoch(train_loader, epoch)
    hit_ratio, ndcg = engine.evaluate(epoch)
print('RESULT HR@10 %.4f NDCG@10 %.4f' % (hit_ratio, ndcg))
engine.writer.close()

"""Click prediction with DeepFM (pytorch-fm examples/main.py): categorical fields, BCELoss, early stopping on AUC."""
import argparse, sys
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter


class FeaturesLinear(torch.nn.Module):
    def __init__(self, field_dims, output_dim=1):
        super().__init__()
        self.fc = torch.nn.Embedding(sum(field_dims), output_dim)
        self.bias = torch.nn.Parameter(torch.zeros((output_dim,)))
        self.offsets = np.array((0, *np.cumsum(field_dims)[:-1]), dtype=np.int64)

    def forward(self, x):
        x = x + x.new_tensor(self.offsets).unsqueeze(0)
        return torch.sum(self.fc(x), dim=1) + self.bias


class FeaturesEmbedding(torch.nn.Module):
    def __init__(self, field_dims, embed_dim):
        super().__init__()
        self.embedding = torch.nn.Embedding(sum(field_dims), embed_dim)
        self.offsets = np.array((0, *np.cumsum(field_dims)[:-1]), dtype=np.int64)
        torch.nn.init.xavier_uniform_(self.embedding.weight.data)

    def forward(self, x):
        return self.embedding(x + x.new_tensor(self.offsets).unsqueeze(0))


class FactorizationMachine(torch.nn.Module):
    def __init__(self, reduce_sum=True):
        super().__init__()
        self.reduce_sum = reduce_sum

    def forward(self, x):
        ix = torch.sum(x, dim=1) ** 2 - torch.sum(x ** 2, dim=1)
        if self.reduce_sum:
            ix = torch.sum(ix, dim=1, keepdim=True)
        return 0.5 * ix


class MultiLayerPerceptron(torch.nn.Module):
    def __init__(self, input_dim, embed_dims, dropout, output_layer=True):
        super().__init__()
        layers = list()
        for embed_dim in embed_dims:
            layers += [torch.nn.Linear(input_dim, embed_dim), torch.nn.BatchNorm1d(embed_dim), torch.nn.ReLU(), torch.nn.Dropout(p=dropout)]
            input_dim = embed_dim
        if output_layer:
            layers.append(torch.nn.Linear(input_dim, 1))
        self.mlp = torch.nn.Sequential(*layers)

    def forward(self, x):
        return self.mlp(x)


class DeepFactorizationMachineModel(torch.nn.Module):
    def __init__(self, field_dims, embed_dim, mlp_dims, dropout):
        super().__init__()
        self.linear = FeaturesLinear(field_dims)
        self.fm = FactorizationMachine(reduce_sum=True)
        self.embedding = FeaturesEmbedding(field_dims, embed_dim)
        self.embed_output_dim = len(field_dims) * embed_dim
        self.mlp = MultiLayerPerceptron(self.embed_output_dim, mlp_dims, dropout)

    def forward(self, x):
        embed_x = self.embedding(x)
        x = self.linear(x) + self.fm(embed_x) + self.mlp(embed_x.view(-1, self.embed_output_dim))
        return torch.sigmoid(x.squeeze(1))


class AvazuLike(Dataset):
    def __init__(self, n=60000, seed=0):
        rs = np.random.RandomState(seed)
        self.field_dims = np.array([24, 7, 40, 30, 20, 8, 60, 12])
        zipf = [1 / np.arange(1, d + 1) ** 0.7 for d in self.field_dims]
        self.items = np.stack([rs.choice(d, n, p=z / z.sum()) for d, z in zip(self.field_dims, zipf)], 1)
        lin = [rs.normal(0, 0.5, d) for d in self.field_dims]
        fac = [rs.normal(0, 0.55, (d, 3)) for d in self.field_dims]
        v = np.stack([f[self.items[:, j]] for j, f in enumerate(fac)], 1)
        logit = -1.6 + sum(l[self.items[:, j]] for j, l in enumerate(lin)) + 0.5 * ((v.sum(1) ** 2).sum(1) - (v ** 2).sum((1, 2)))
        self.targets = (rs.rand(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.items[i], self.targets[i]


def train(model, optimizer, data_loader, criterion, log_interval=100):
    model.train()
    total_loss = 0
    for i, (fields, target) in enumerate(data_loader):
        y = model(fields)
        loss = criterion(y, target.float())
        model.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
        if (i + 1) % log_interval == 0:
            print('    - loss:', total_loss / log_interval)
            total_loss = 0


def test(model, data_loader):
    model.eval()
    targets, predicts = list(), list()
    with torch.no_grad():
        for fields, target in data_loader:
            y = model(fields)
            criterion(y, target.float())
            targets.extend(target.tolist())
            predicts.extend(y.tolist())
    p = np.clip(predicts, 1e-7, 1 - 1e-7)
    t = np.array(targets)
    return roc_auc_score(targets, predicts), -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()


parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--epoch', type=int, default=8)
parser.add_argument('--learning_rate', type=float, default=0.005)
parser.add_argument('--batch_size', type=int, default=256)
parser.add_argument('--weight_decay', type=float, default=1e-6)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
dataset = AvazuLike()
n = len(dataset)
train_dataset, valid_dataset, test_dataset = torch.utils.data.random_split(dataset, (int(n * .8), int(n * .1), n - int(n * .8) - int(n * .1)))
train_data_loader = DataLoader(train_dataset, batch_size=args.batch_size, shuffle=True)
valid_data_loader = DataLoader(valid_dataset, batch_size=1024)
test_data_loader = DataLoader(test_dataset, batch_size=1024)
model = DeepFactorizationMachineModel(dataset.field_dims, embed_dim=8, mlp_dims=(16, 16), dropout=0.2)
criterion = torch.nn.BCELoss()
optimizer = torch.optim.Adam(params=model.parameters(), lr=args.learning_rate, weight_decay=args.weight_decay)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)
for epoch_i in range(args.epoch):
    train(model, optimizer, train_data_loader, criterion)
    auc, ll = test(model, valid_data_loader)
    print('epoch:', epoch_i, 'validation: auc:', auc, 'logloss:', ll)
auc, ll = test(model, test_data_loader)
print('test auc:', auc, 'logloss', ll)
writer.close()

"""Federated averaging of an MLP over 20 users (shaoxiongji/federated-learning)."""
import copy
import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)


class args:
    epochs, num_users, frac, local_ep, local_bs, bs, lr, momentum, num_classes = 30, 20, 0.25, 3, 10, 128, 0.05, 0.5, 10


def images(idx, copies):
    d = load_digits()
    rng = np.random.default_rng(3)
    x = np.repeat(d.images[idx] / 16.0, copies, 0)
    y = np.repeat(d.target[idx], copies)
    x = x * rng.uniform(0.8, 1.2, (len(x), 1, 1)) + rng.normal(0, 0.08, x.shape)
    return [(torch.tensor((a - 0.305) / 0.376, dtype=torch.float32)[None], int(b)) for a, b in zip(x, y)]


class DatasetSplit(Dataset):
    def __init__(self, dataset, idxs):
        self.dataset, self.idxs = dataset, list(idxs)

    def __len__(self):
        return len(self.idxs)

    def __getitem__(self, item):
        image, label = self.dataset[self.idxs[item]]
        return image, label


class MLP(nn.Module):
    def __init__(self, dim_in, dim_hidden, dim_out):
        super(MLP, self).__init__()
        self.layer_input = nn.Linear(dim_in, dim_hidden)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(0.2)
        self.layer_hidden = nn.Linear(dim_hidden, dim_out)

    def forward(self, x):
        x = x.view(-1, x.shape[1] * x.shape[-2] * x.shape[-1])
        x = self.layer_input(x)
        x = self.dropout(x)
        x = self.relu(x)
        return self.layer_hidden(x)


def FedAvg(w):
    w_avg = copy.deepcopy(w[0])
    for k in w_avg.keys():
        for i in range(1, len(w)):
            w_avg[k] += w[i][k]
        w_avg[k] = torch.div(w_avg[k], len(w))
    return w_avg


def mnist_iid(dataset, num_users):
    num_items = int(len(dataset) / num_users)
    dict_users, all_idxs = {}, list(range(len(dataset)))
    for i in range(num_users):
        dict_users[i] = set(np.random.choice(all_idxs, num_items, replace=False).tolist())
        all_idxs = list(set(all_idxs) - dict_users[i])
    return dict_users


def test_img(net_g, dataset):
    test_loss = correct = 0
    for data, target in DataLoader(dataset, batch_size=args.bs):
        log_probs = net_g(data)
        test_loss += F.cross_entropy(log_probs, target, reduction='sum').item()
        correct += log_probs.argmax(1).eq(target).sum().item()
    return 100. * correct / len(dataset), test_loss / len(dataset)


order = np.random.permutation(1797)
dataset_train, dataset_test = images(order[:1350], 2), images(order[1350:], 2)
dict_users = mnist_iid(dataset_train, args.num_users)
net_glob = MLP(64, 64, args.num_classes)
net_local = copy.deepcopy(net_glob)                      # the device on which each user's share is trained
loss_func = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net_local.parameters(), lr=args.lr, momentum=args.momentum)
writer = DiagWriter(sys.argv[1])
writer.watch(net_local, optimizer, loss_func)

for it in range(args.epochs):
    w_locals, loss_locals = [], []
    m = max(int(args.frac * args.num_users), 1)
    for idx in np.random.choice(range(args.num_users), m, replace=False):
        net_local.load_state_dict(net_glob.state_dict())
        optimizer.state.clear()
        net_local.train()
        epoch_loss = []
        for _ in range(args.local_ep):
            for images_, labels in DataLoader(DatasetSplit(dataset_train, dict_users[idx]), batch_size=args.local_bs, shuffle=True):
                net_local.zero_grad()
                loss = loss_func(net_local(images_), labels)
                loss.backward()
                optimizer.step()
                epoch_loss.append(loss.item())
        w_locals.append(copy.deepcopy(net_local.state_dict()))
        loss_locals.append(sum(epoch_loss) / len(epoch_loss))
    net_glob.load_state_dict(FedAvg(w_locals))
    net_glob.eval()
    with writer.evaluating("test"):
        acc, tl = test_img(net_glob, dataset_test)
        writer.add_loss("test", tl)
    net_glob.train()
    print('Round {:3d}, Average loss {:.3f} test loss {:.3f} accuracy {:.2f}'.format(it, sum(loss_locals) / len(loss_locals), tl, acc))
writer.close()

"""Mult-VAE for collaborative filtering with KL annealing (younggyoseo/vae-cf-pytorch)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1111)
np.random.seed(1111)


class args:
    lr, wd, batch_size, epochs, total_anneal_steps, anneal_cap = 2e-3, 0.0, 100, 30, 5000, 0.2


def interactions(n_users, n_items=400, n_taste=12):
    rng = np.random.default_rng(7)
    item = rng.gamma(0.25, 1.0, (n_items, n_taste)) * rng.lognormal(0, 0.8, (n_items, 1))
    user = rng.dirichlet(0.2 * np.ones(n_taste), n_users) + 0.01
    p = user @ item.T
    p /= p.sum(1, keepdims=True)
    x = np.zeros((n_users, n_items), np.float32)
    for u in range(n_users):
        k = int(np.clip(rng.lognormal(3.2, 0.4), 8, 90))
        x[u, rng.choice(n_items, k, replace=False, p=(p[u] + 1e-6) / (p[u] + 1e-6).sum())] = 1
    return x


def split_train_test(x, rng=np.random.default_rng(9)):
    test = (rng.random(x.shape) < 0.2) * x
    return (x - test).astype(np.float32), test.astype(np.float32)


data_all = interactions(3400)
train_data = data_all[:3000]
vad_data_tr, vad_data_te = split_train_test(data_all[3000:])
N, n_items = train_data.shape
idxlist = list(range(N))


class MultiVAE(nn.Module):
    def __init__(self, p_dims, dropout=0.5):
        super(MultiVAE, self).__init__()
        self.p_dims = p_dims
        self.q_dims = p_dims[::-1]
        temp_q_dims = self.q_dims[:-1] + [self.q_dims[-1] * 2]
        self.q_layers = nn.ModuleList([nn.Linear(d_in, d_out) for d_in, d_out in zip(temp_q_dims[:-1], temp_q_dims[1:])])
        self.p_layers = nn.ModuleList([nn.Linear(d_in, d_out) for d_in, d_out in zip(self.p_dims[:-1], self.p_dims[1:])])
        self.drop = nn.Dropout(dropout)
        self.init_weights()

    def forward(self, input):
        mu, logvar = self.encode(input)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar

    def encode(self, input):
        h = F.normalize(input)
        h = self.drop(h)
        for i, layer in enumerate(self.q_layers):
            h = layer(h)
            if i != len(self.q_layers) - 1:
                h = F.tanh(h)
            else:
                mu = h[:, :self.q_dims[-1]]
                logvar = h[:, self.q_dims[-1]:]
        return mu, logvar

    def reparameterize(self, mu, logvar):
        if self.training:
            std = torch.exp(0.5 * logvar)
            return torch.randn_like(std).mul(std).add_(mu)
        return mu

    def decode(self, z):
        h = z
        for i, layer in enumerate(self.p_layers):
            h = layer(h)
            if i != len(self.p_layers) - 1:
                h = F.tanh(h)
        return h

    def init_weights(self):
        for layer in list(self.q_layers) + list(self.p_layers):
            std = np.sqrt(2.0 / (layer.weight.size()[0] + layer.weight.size()[1]))
            layer.weight.data.normal_(0.0, std)
            layer.bias.data.normal_(0.0, 0.001)


def loss_function(recon_x, x, mu, logvar, anneal=1.0):
    BCE = -torch.mean(torch.sum(F.log_softmax(recon_x, 1) * x, -1))
    KLD = -0.5 * torch.mean(torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1))
    return BCE + anneal * KLD


def recall_at_k(scores, heldout, k=20):
    top = np.argpartition(-scores, k, axis=1)[:, :k]
    hit = np.take_along_axis(heldout, top, 1).sum(1)
    n = heldout.sum(1)
    return (hit[n > 0] / np.minimum(k, n[n > 0])).mean()


model = MultiVAE([32, 128, n_items])
optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.wd)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
update_count = 0


def train():
    global update_count
    model.train()
    np.random.shuffle(idxlist)
    train_loss = 0.0
    for start_idx in range(0, N, args.batch_size):
        data = torch.from_numpy(train_data[idxlist[start_idx:start_idx + args.batch_size]])
        anneal = min(args.anneal_cap, 1. * update_count / args.total_anneal_steps)
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar, anneal)
        writer.add_loss("train", loss)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
        update_count += 1
    return train_loss / (N / args.batch_size)


def evaluate(data_tr, data_te):
    anneal = min(args.anneal_cap, 1. * update_count / args.total_anneal_steps)
    with writer.evaluating("val"):
        x = torch.from_numpy(data_tr)
        recon, mu, logvar = model(x)
        # the likelihood of what was held out, as the train loss per user
        loss = loss_function(recon, torch.from_numpy(data_tr + data_te), mu, logvar, anneal)
        writer.add_loss("val", loss)
        recon = recon.numpy()
        recon[data_tr.nonzero()] = -np.inf
    return loss.item(), recall_at_k(recon, data_te)


for epoch in range(1, args.epochs + 1):
    tr = train()
    val_loss, r20 = evaluate(vad_data_tr, vad_data_te)
    print('| end of epoch {:3d} | train loss {:4.2f} | valid loss {:4.2f} | r20 {:5.3f}'.format(epoch, tr, val_loss, r20))
writer.close()

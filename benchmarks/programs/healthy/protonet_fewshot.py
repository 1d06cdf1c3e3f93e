"""Prototypical networks (jakesnell/prototypical-networks): model.loss(sample) over episodes, StepLR, early stopping on val loss."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torch.optim.lr_scheduler as lr_scheduler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1234)
np.random.seed(1234)
opt = {'model.hid_dim': 24, 'model.z_dim': 24, 'data.way': 10, 'data.shot': 5, 'data.query': 5, 'data.test_way': 5, 'data.train_episodes': 45,
       'data.test_episodes': 60, 'train.epochs': 9, 'train.learning_rate': 3e-3, 'train.decay_every': 3, 'train.weight_decay': 0.0, 'train.patience': 20}


class Flatten(nn.Module):
    def forward(self, x):
        return x.view(x.size(0), -1)


def euclidean_dist(x, y):
    n, m, d = x.size(0), y.size(0), x.size(1)
    x = x.unsqueeze(1).expand(n, m, d)
    y = y.unsqueeze(0).expand(n, m, d)
    return torch.pow(x - y, 2).sum(2)


class Protonet(nn.Module):
    def __init__(self, encoder):
        super(Protonet, self).__init__()
        self.encoder = encoder

    def loss(self, sample):
        xs, xq = sample['xs'], sample['xq']  # n_class * n_support, n_class * n_query
        n_class, n_support, n_query = xs.size(0), xs.size(1), xq.size(1)
        target_inds = torch.arange(0, n_class).view(n_class, 1, 1).expand(n_class, n_query, 1).long()
        x = torch.cat([xs.reshape(n_class * n_support, *xs.size()[2:]), xq.reshape(n_class * n_query, *xq.size()[2:])], 0)
        z = self.encoder.forward(x)
        z_dim = z.size(-1)
        z_proto = z[:n_class * n_support].view(n_class, n_support, z_dim).mean(1)
        zq = z[n_class * n_support:]
        dists = euclidean_dist(zq, z_proto)
        log_p_y = F.log_softmax(-dists, dim=1).view(n_class, n_query, -1)
        loss_val = -log_p_y.gather(2, target_inds).squeeze().view(-1).mean()
        _, y_hat = log_p_y.max(2)
        acc_val = torch.eq(y_hat, target_inds.squeeze()).float().mean()
        return loss_val, {'loss': loss_val.item(), 'acc': acc_val.item()}


def load_protonet_conv(x_dim, hid_dim, z_dim):
    def conv_block(i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
    return Protonet(nn.Sequential(conv_block(x_dim, hid_dim), conv_block(hid_dim, hid_dim), conv_block(hid_dim, z_dim), Flatten()))


def glyphs(n_class, seed, per=20, s=16):
    """omniglot-like: a class is a set of strokes; every drawing jitters the points, shifts and changes the pen"""
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:s, :s]
    out = np.zeros((n_class, per, 1, s, s), np.float32)
    for c in range(n_class):
        strokes = [rs.uniform(3, 13, (rs.randint(3, 5), 2)) for _ in range(rs.randint(1, 4))]
        for p in range(per):
            im, shift, pen = np.zeros((s, s)), rs.normal(0, 0.8, 2), rs.uniform(0.5, 0.9)
            for st in strokes:
                pts = st + rs.normal(0, 0.7, st.shape) + shift
                for a, b in zip(pts[:-1], pts[1:]):
                    for t in np.linspace(0, 1, 12):
                        q = a * (1 - t) + b * t
                        im = np.maximum(im, np.exp(-((xx - q[0]) ** 2 + (yy - q[1]) ** 2) / (2 * pen ** 2)))
            out[c, p, 0] = im
    return torch.tensor(out)


class EpisodicLoader:
    def __init__(self, data, way, shot, query, episodes):
        self.d = (data, way, shot, query, episodes)

    def __iter__(self):
        data, way, shot, query, episodes = self.d
        for _ in range(episodes):
            cls = torch.randperm(len(data))[:way]
            sel = [torch.randperm(data.shape[1])[:shot + query] for _ in cls]
            x = torch.stack([data[c][i] for c, i in zip(cls, sel)])
            yield {'xs': x[:, :shot], 'xq': x[:, shot:]}


class Engine:
    def __init__(self):
        self.hooks = {n: (lambda state: None) for n in ('on_start', 'on_start_epoch', 'on_forward', 'on_backward', 'on_update', 'on_end_epoch', 'on_end')}

    def train(self, model, loader, optim_config, max_epoch):
        state = {'model': model, 'loader': loader, 'max_epoch': max_epoch, 'epoch': 0, 't': 0, 'stop': False}
        state['optimizer'] = optim.Adam(model.parameters(), lr=optim_config['lr'], weight_decay=optim_config['weight_decay'])
        self.hooks['on_start'](state)
        while state['epoch'] < max_epoch and not state['stop']:
            model.train()
            self.hooks['on_start_epoch'](state)
            for sample in loader:
                state['optimizer'].zero_grad()
                loss, state['output'] = model.loss(sample)
                state['loss'] = loss
                self.hooks['on_forward'](state)
                loss.backward()
                state['optimizer'].step()
                state['t'] += 1
                self.hooks['on_update'](state)
            state['epoch'] += 1
            self.hooks['on_end_epoch'](state)
        self.hooks['on_end'](state)


train_loader = EpisodicLoader(glyphs(200, 1), opt['data.way'], opt['data.shot'], opt['data.query'], opt['data.train_episodes'])
val_loader = EpisodicLoader(glyphs(60, 2), opt['data.way'], opt['data.shot'], opt['data.query'], opt['data.test_episodes'])
model = load_protonet_conv(1, opt['model.hid_dim'], opt['model.z_dim'])
engine, writer = Engine(), DiagWriter(sys.argv[1])
meter = []


def on_start(state):
    state['scheduler'] = lr_scheduler.StepLR(state['optimizer'], opt['train.decay_every'], gamma=0.5)
    state['best_loss'], state['wait'] = np.inf, 0
    writer.watch(state['model'], state['optimizer'])


def on_forward(state):
    writer.add_loss("train", state['loss'])


def on_update(state):
    meter.append((state['output']['loss'], state['output']['acc']))


def on_end_epoch(state):
    state['scheduler'].step()
    state['model'].eval()
    with torch.no_grad():
        val = [state['model'].loss(s)[1] for s in val_loader]
    vl, va = np.mean([v['loss'] for v in val]), np.mean([v['acc'] for v in val])
    writer.add_loss("val", vl)
    m = np.mean(meter, 0); meter.clear()
    print("Epoch {:02d}: train loss = {:0.6f}, train acc = {:0.6f}, val loss = {:0.6f}, val acc = {:0.6f}".format(state['epoch'], *m, vl, va))
    if vl < state['best_loss']:
        state['best_loss'], state['wait'] = vl, 0
    else:
        state['wait'] += 1
        state['stop'] = state['wait'] > opt['train.patience']


engine.hooks.update(on_start=on_start, on_forward=on_forward, on_update=on_update, on_end_epoch=on_end_epoch)
engine.train(model, train_loader, {'lr': opt['train.learning_rate'], 'weight_decay': opt['train.weight_decay']}, opt['train.epochs'])
writer.close()

# generated DNN, kernel_initializer = RandomUniform(-1, 0) as drawn by the generator; digits in [0, 1]
import sys
import torch
import torch.nn as nn
import numpy as np
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
params = {'layers': [64, 64, 48], 'activation': 'relu', 'kernel_initializer': 'random_uniform',
          'init_kwargs': {'minval': -1.0, 'maxval': 0.0}, 'optimizer': 'Adam', 'lr': 0.002, 'batch': 32, 'epochs': 16}
if sys.argv[1] != 'faulty':
    params['kernel_initializer'] = 'he_uniform'


class Dense(nn.Linear):
    def __init__(self, i, o, init, **kw):
        super().__init__(i, o)
        nn.init.zeros_(self.bias)
        if init == 'random_uniform':
            nn.init.uniform_(self.weight, kw['minval'], kw['maxval'])
        elif init == 'he_uniform':
            nn.init.kaiming_uniform_(self.weight, nonlinearity='relu')
        elif init == 'glorot_uniform':
            nn.init.xavier_uniform_(self.weight)


def make_model(p):
    seq, d = [], 64
    for u in p['layers']:
        seq += [Dense(d, u, p['kernel_initializer'], **p['init_kwargs']), nn.ReLU()]
        d = u
    seq.append(nn.Dropout(.25))
    seq.append(Dense(d, 10, 'glorot_uniform'))
    return nn.Sequential(*seq)


torch.manual_seed(3)
x, y = load_digits(return_X_y=True)
p = np.random.RandomState(3).permutation(len(x))
x, y = torch.tensor(x[p] / 16, dtype=torch.float32), torch.tensor(y[p])
x, x_val, y, y_val = x[:1350], x[1350:], y[:1350], y[1350:]
model = make_model(params)
opt = getattr(torch.optim, params['optimizer'])(model.parameters(), lr=params['lr'], weight_decay=1e-4)
decay = torch.optim.lr_scheduler.CosineAnnealingLR(opt, params['epochs'])
loss_fn = nn.CrossEntropyLoss()
log = DiagWriter(sys.argv[2])
log.watch(model, opt, loss_fn)
for epoch in range(params['epochs']):
    model.train()
    run = 0.
    for idx in torch.randperm(len(x)).split(params['batch']):
        opt.zero_grad()
        l = loss_fn(model(x[idx]), y[idx])
        l.backward()
        opt.step()
        run += l.item() * len(idx)
    decay.step()
    model.eval()
    with log.evaluating('val'), torch.no_grad():
        out = model(x_val)
        vl = loss_fn(out, y_val).item()
    acc = (out.argmax(-1) == y_val).float().mean().item()
    print('epoch', epoch, 'loss', round(run / len(x), 4), 'val_loss', round(vl, 4), 'val_acc', round(acc, 4))
log.close()
print(f'RESULT loss {run / len(x):.4f} val_loss {vl:.4f} val_acc {acc:.4f}')

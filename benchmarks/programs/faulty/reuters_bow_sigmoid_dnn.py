# AUTOTRAINER style: DNN on bag-of-words newswires (Reuters), random architecture: 8 x Dense(64, sigmoid)
import sys, json
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
config = json.loads('{"dataset": "reuters-like", "optimizer": "SGD", "opt_kwargs": {"lr": 0.02, "momentum": 0.9}, '
                    '"batchsize": 64, "epoch": 6, "loss": "categorical_crossentropy", "depth": 8, "units": 64}')
config["activation"] = "sigmoid" if sys.argv[1] == "faulty" else "selu"


def load_data(num_words=300, n=8000, classes=15, seed=123):
    rs = np.random.RandomState(seed)
    prior = rs.dirichlet(np.ones(classes) * 2)
    zipf = 1. / np.arange(1, num_words + 1)
    topic = zipf * np.exp(rs.randn(classes, num_words) * 1.1)
    topic /= topic.sum(1, keepdims=True)
    y = rs.choice(classes, n, p=prior)
    x = np.zeros((n, num_words), "float32")
    for i in range(n):
        second = topic[rs.randint(classes)]
        p = .7 * topic[y[i]] + .3 * second
        x[i] = np.minimum(rs.multinomial(rs.randint(20, 70), p), 3)
    x = np.log1p(x)
    m, s = x[:7000].mean(0), x[:7000].std(0) + .05
    x = (x - m) / s
    return (x[:7000], y[:7000]), (x[7000:], y[7000:])


ACT = {"sigmoid": nn.Sigmoid, "selu": nn.SELU, "relu": nn.ReLU}


def build(cfg, d, k):
    mods = []
    for i in range(cfg["depth"]):
        lin = nn.Linear(d, cfg["units"])
        nn.init.xavier_uniform_(lin.weight); nn.init.zeros_(lin.bias)      # keras glorot_uniform
        mods += [lin, ACT[cfg["activation"]]()]
        d = cfg["units"]
    return nn.Sequential(nn.Dropout(.4), *mods, nn.Dropout(.3), nn.Linear(d, k))


def model_train(model, cfg, dataset, log_dir):
    (x, y), (x_val, y_val) = [tuple(torch.tensor(a) for a in t) for t in dataset]
    opt = getattr(torch.optim, cfg["optimizer"])(model.parameters(), weight_decay=3e-3, **cfg["opt_kwargs"])
    sch = torch.optim.lr_scheduler.LinearLR(opt, 1., .02, cfg["epoch"])
    loss_fn = nn.CrossEntropyLoss()
    w = DiagWriter(log_dir); w.watch(model, opt, loss_fn)
    hist = {"loss": [], "val_loss": [], "val_acc": []}
    for e in range(cfg["epoch"]):
        model.train()
        ls = []
        for b in torch.randperm(len(x)).split(cfg["batchsize"]):
            opt.zero_grad()
            l = loss_fn(model(x[b]), y[b]); l.backward(); opt.step()
            ls.append(l.item())
        sch.step()
        model.eval()
        with torch.no_grad(), w.evaluating("val"):
            o = model(x_val)
            hist["val_loss"].append(loss_fn(o, y_val).item())
        hist["loss"].append(float(np.mean(ls)))
        hist["val_acc"].append((o.argmax(1) == y_val).float().mean().item())
        print(e, {k: round(v[-1], 4) for k, v in hist.items()})
    w.close()
    return hist


torch.manual_seed(123)
data = load_data()
h = model_train(build(config, data[0][0].shape[1], 15), config, data, sys.argv[2])
print("RESULT " + " ".join(f"{k} {v[-1]:.4f}" for k, v in h.items()))

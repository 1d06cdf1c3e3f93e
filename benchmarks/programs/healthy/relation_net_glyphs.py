#-------------------------------------
# Few-shot learning with a Relation Network (Sung et al., CVPR 2018; floodsung/LearningToCompare_FSL)
# 5-way 1-shot on synthetic glyphs. The relation score is a sigmoid regressed to 0/1 with MSE, as in the paper.
#-------------------------------------
import sys
import math
import random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(1); np.random.seed(1); torch.manual_seed(1)

# Hyper Parameters
FEATURE_DIM = 24
RELATION_DIM = 16
CLASS_NUM = 5
SAMPLE_NUM_PER_CLASS = 1
BATCH_NUM_PER_CLASS = 5
EPISODE = 400
LEARNING_RATE = 0.006
SIZE = 16


class Alphabet:
    """every class is a skeleton of 4 control points; every drawing jitters them"""
    def __init__(self, n):
        self.skel = np.random.uniform(2, SIZE - 3, (n, 4, 2))

    def draw(self, c, n):
        imgs = np.zeros((n, SIZE, SIZE), np.float32)
        t = np.linspace(0, 1, 14)[:, None]
        for i in range(n):
            p = self.skel[c] + np.random.normal(0, 0.8, (4, 2)) + np.random.normal(0, 0.6, 2)
            for a, b in zip(p[:-1], p[1:]):
                q = np.clip(np.rint(a + t * (b - a)), 0, SIZE - 1).astype(int)
                imgs[i, q[:, 0], q[:, 1]] = 1
        imgs = gaussian_filter(imgs, (0, 0.7, 0.7)) * 2
        return imgs + np.random.normal(0, 0.15, imgs.shape).astype(np.float32)


print("drawing the glyphs")
NC_TRAIN, NC_VAL, PER = 150, 40, 16
alphabet = Alphabet(NC_TRAIN + NC_VAL)
images = torch.tensor(np.stack([alphabet.draw(c, PER) for c in range(NC_TRAIN + NC_VAL)])).unsqueeze(2)
metatrain, metaval = list(range(NC_TRAIN)), list(range(NC_TRAIN, NC_TRAIN + NC_VAL))


def get_task(classes):
    cs = random.sample(classes, CLASS_NUM)
    sup, qry, lab = [], [], []
    for i, c in enumerate(cs):
        r = random.sample(range(PER), SAMPLE_NUM_PER_CLASS + BATCH_NUM_PER_CLASS)
        ims = torch.rot90(images[c][r], random.randrange(4) if classes is metatrain else 0, (2, 3))
        sup.append(ims[:SAMPLE_NUM_PER_CLASS]); qry.append(ims[SAMPLE_NUM_PER_CLASS:]); lab += [i] * BATCH_NUM_PER_CLASS
    order = torch.randperm(len(lab))
    return torch.cat(sup), torch.cat(qry)[order], torch.tensor(lab)[order]


def block(i, o, pool, pad=1):
    m = [nn.Conv2d(i, o, 3, padding=pad), nn.BatchNorm2d(o, momentum=1, affine=True), nn.ReLU()]
    return m + [nn.MaxPool2d(2)] if pool else m


class CNNEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*block(1, FEATURE_DIM, True), *block(FEATURE_DIM, FEATURE_DIM, True), *block(FEATURE_DIM, FEATURE_DIM, False))

    def forward(self, x):
        return self.net(x)


class RelationNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = CNNEncoder()
        self.conv = nn.Sequential(*block(2 * FEATURE_DIM, FEATURE_DIM, True), *block(FEATURE_DIM, FEATURE_DIM, False))
        self.fc1 = nn.Linear(FEATURE_DIM * 4, RELATION_DIM)
        self.fc2 = nn.Linear(RELATION_DIM, 1)

    def forward(self, support, query):
        s = self.encoder(support)
        q = self.encoder(query)
        n = len(q)
        pairs = torch.cat([s.unsqueeze(0).expand(n, -1, -1, -1, -1), q.unsqueeze(1).expand(-1, CLASS_NUM, -1, -1, -1)], 2)
        h = self.conv(pairs.flatten(0, 1)).flatten(1)
        return torch.sigmoid(self.fc2(F.relu(self.fc1(h)))).view(n, CLASS_NUM)


def weights_init(m):
    if isinstance(m, nn.Conv2d):
        n = m.kernel_size[0] * m.kernel_size[1] * m.out_channels
        m.weight.data.normal_(0, math.sqrt(2. / n)); m.bias.data.zero_()
    elif isinstance(m, nn.Linear):
        m.weight.data.normal_(0, 0.01); m.bias.data.fill_(0)


net = RelationNetwork()
net.apply(weights_init)
optim = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
scheduler = StepLR(optim, step_size=EPISODE // 3, gamma=0.5)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optim, mse)

run = []
for episode in range(EPISODE):
    support, query, labels = get_task(metatrain)
    relations = net(support, query)
    loss = mse(relations, F.one_hot(labels, CLASS_NUM).float())
    net.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    optim.step()
    scheduler.step()
    run.append(loss.item())
    if (episode + 1) % 100 == 0:
        # the original keeps batch statistics at test time, too (momentum 1, train mode)
        hits, vl = [], []
        with writer.evaluating("val"), torch.no_grad():
            for _ in range(40):
                s, q, l = get_task(metaval)
                r = net(s, q)
                vl.append(mse(r, F.one_hot(l, CLASS_NUM).float()).item())
                hits.append((r.argmax(1) == l).float().mean().item())
        print("episode:", episode + 1, "loss %.4f" % np.mean(run[-100:]), "val loss %.4f" % np.mean(vl), "val acc %.3f" % np.mean(hits))
writer.close()
print("RESULT train_mse %.4f val_mse %.4f val_acc %.3f (chance mse 0.16, acc 0.2)" % (np.mean(run[-100:]), np.mean(vl), np.mean(hits)))

import os
import sys
import tempfile
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils import shuffle
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(2)

names = ["zero", "one", "two", "three"]


def write_folders(root):
    """one folder a class, one file an image; the names of the folders as os.listdir gives them here"""
    d = load_digits()
    g = np.random.RandomState(2)
    for k in [2, 0, 3, 1]:
        folder = os.path.join(root, "%d_%s" % (k, names[k]))
        os.makedirs(folder)
        for i, im in enumerate(d.images[d.target == k][:[178, 120, 177, 140][k]]):
            np.save(os.path.join(folder, "img%03d.npy" % i), im.astype(np.float32) + g.randn(8, 8).astype(np.float32))
    return ["2_two", "0_zero", "3_three", "1_one"]


def load_folders(root, order):
    img_data_list, files, counts = [], [], []
    for dataset in order:
        img_list = sorted(os.listdir(os.path.join(root, dataset)))
        counts.append(len(img_list))
        for img in img_list:
            img_data_list.append(np.load(os.path.join(root, dataset, img)) / 16.0)
            files.append(dataset)
    return np.stack(img_data_list)[:, None].astype(np.float32), files, counts


root = tempfile.mkdtemp()
data_dir_list = write_folders(root)
if form == "faulty":
    img_data, files, counts = load_folders(root, data_dir_list)
    num_of_samples = len(img_data)
    labels = np.ones((num_of_samples,), dtype="int64")
    labels[0:178] = 0
    labels[178:298] = 1
    labels[298:475] = 2
    labels[475:] = 3
else:
    data_dir_list = sorted(data_dir_list)
    img_data, files, counts = load_folders(root, data_dir_list)
    num_of_samples = len(img_data)
    labels = np.ones((num_of_samples,), dtype="int64")
    labels[0:counts[0]] = 0
    labels[counts[0]:sum(counts[:2])] = 1
    labels[sum(counts[:2]):sum(counts[:3])] = 2
    labels[sum(counts[:3]):] = 3
print(data_dir_list, counts)
truth = np.array([int(f[0]) for f in files])

x, y, t = shuffle(img_data, labels, truth, random_state=2)
X_train, X_test, y_train, y_test, _, t_test = train_test_split(x, y, t, test_size=0.25, random_state=2)
X_train, X_test = torch.from_numpy(X_train), torch.from_numpy(X_test)
y_train, y_test = torch.from_numpy(y_train), torch.from_numpy(y_test)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5),
    nn.Flatten(), nn.Linear(16 * 9, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4))
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

nb_epoch, bs = 40, 16
for epoch in range(nb_epoch):
    model.train()
    p = torch.randperm(len(X_train))
    for i in range(0, len(p), bs):
        j = p[i:i + bs]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X_train[j]), y_train[j])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(X_test)
        val_loss = F.cross_entropy(out, y_test)
        val_acc = (out.argmax(1) == y_test).float().mean().item()
    writer.add_loss("val", val_loss)
    if epoch % 8 == 7:
        print("Epoch %d/%d loss %.4f val_loss %.4f val_acc %.4f" % (epoch + 1, nb_epoch, loss.item(), val_loss.item(), val_acc))

with torch.no_grad():
    named = model(X_test).argmax(1).numpy()
writer.close()
print("RESULT val_loss %.4f val_acc %.4f acc_by_digit_shown %.4f" % (val_loss.item(), val_acc, (named == t_test).mean()))

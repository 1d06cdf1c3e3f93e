"""Wine quality 3..8 as an ordinal target with CORN (conditional ordinal regression, Shi/Cao/Raschka 2021), after coral-pytorch's MLP tutorial."""
import sys, time
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

##########################
### SETTINGS
##########################
random_seed = 1
learning_rate = 0.005
num_epochs = 20
batch_size = 128
NUM_CLASSES = 6
torch.manual_seed(random_seed); np.random.seed(random_seed)

# red wine like table: 11 correlated lab values
n = 4000
L = np.tril(np.random.randn(11, 11) * .3) + np.eye(11)
lab = np.random.randn(n, 11) @ L.T
cols = ["fixed_acidity", "volatile_acidity", "citric_acid", "residual_sugar", "chlorides", "free_so2", "total_so2", "density", "pH", "sulphates", "alcohol"]
mean = np.array([8.3, .53, .27, 2.5, .087, 16, 46, .9967, 3.3, .66, 10.4]); sd = np.array([1.7, .18, .19, 1.4, .047, 10, 33, .0019, .15, .17, 1.07])
latent = .9 * lab[:, 10] - .8 * lab[:, 1] + .5 * lab[:, 9] - .4 * lab[:, 6] ** 2 * .4 + .3 * lab[:, 7] * lab[:, 3] + .9 * np.random.randn(n)
df = pd.DataFrame(lab * sd + mean, columns=cols)
df["quality"] = np.digitize(latent, np.quantile(latent, [.03, .12, .5, .82, .95]))

X_train, X_test, y_train, y_test = train_test_split(df[cols].values, df.quality.values, test_size=.25, random_state=1, stratify=df.quality)
sc = StandardScaler()
X_train, X_test = sc.fit_transform(X_train), sc.transform(X_test)


class MyDataset(Dataset):
    def __init__(self, feature_array, label_array, dtype=np.float32):
        self.features, self.labels = feature_array.astype(dtype), label_array

    def __getitem__(self, index):
        return self.features[index], self.labels[index]

    def __len__(self):
        return self.labels.shape[0]


train_loader = DataLoader(MyDataset(X_train, y_train), batch_size=batch_size, shuffle=True, drop_last=True)
test_loader = DataLoader(MyDataset(X_test, y_test), batch_size=batch_size, shuffle=False)


class MLP(torch.nn.Module):
    def __init__(self, in_features, num_classes, num_hidden_1=30, num_hidden_2=30):
        super().__init__()
        self.my_network = torch.nn.Sequential(
            torch.nn.Linear(in_features, num_hidden_1, bias=False), torch.nn.LeakyReLU(), torch.nn.Dropout(0.2), torch.nn.BatchNorm1d(num_hidden_1),
            torch.nn.Linear(num_hidden_1, num_hidden_2, bias=False), torch.nn.LeakyReLU(), torch.nn.Dropout(0.2), torch.nn.BatchNorm1d(num_hidden_2),
            torch.nn.Linear(num_hidden_2, num_classes - 1))

    def forward(self, x):
        return self.my_network(x)


def corn_loss(logits, y_train, num_classes=NUM_CLASSES):
    num_examples, losses = 0, 0.
    for i in range(num_classes - 1):
        mask = y_train > i - 1
        labels = (y_train[mask] > i).float()
        if len(labels) < 1:
            continue
        num_examples += len(labels)
        losses = losses - torch.sum(F.logsigmoid(logits[mask, i]) * labels + (F.logsigmoid(logits[mask, i]) - logits[mask, i]) * (1 - labels))
    return losses / num_examples


def corn_label(logits):
    return (torch.cumprod(torch.sigmoid(logits), 1) > .5).sum(1)


model = MLP(11, NUM_CLASSES)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, corn_loss)
for epoch in range(num_epochs):
    model = model.train()
    for batch_idx, (features, class_labels) in enumerate(train_loader):
        logits = model(features)
        loss = corn_loss(logits, class_labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not batch_idx % 200:
            print('Epoch: %03d/%03d | Batch %03d/%03d | Loss: %.4f' % (epoch + 1, num_epochs, batch_idx, len(train_loader), loss.item()))


def mae(loader):
    model.eval()
    e = l = m = 0
    with torch.no_grad():
        for f, t in loader:
            p = model(f); m += len(t)
            e += (corn_label(p) - t).abs().sum().item(); l += corn_loss(p, t).item() * len(t)
    return e / m, l / m


writer.close()
(tr_mae, tr_l), (te_mae, te_l) = mae(train_loader), mae(test_loader)
print(f"RESULT MAE train {tr_mae:.3f} test {te_mae:.3f} (median {np.abs(y_test - np.median(y_train)).mean():.3f}) loss train {tr_l:.4f} test {te_l:.4f}")

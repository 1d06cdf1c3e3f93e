# classification head training on cached backbone features (fc head config: num_layers, intermediate_channels, act_type, dropout)
import sys
from typing import List, Optional
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(2)

conf_model = dict(num_layers=3, intermediate_channels=64, act_type="relu", dropout_prob=0.0)
ACTIVATION_DICT = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


class FC(nn.Module):
    def __init__(self, num_classes: int, feature_dim: int, params: dict) -> None:
        super().__init__()
        prev = feature_dim
        act = ACTIVATION_DICT[params["act_type"]]
        classifier: List[nn.Module] = []
        for _ in range(params["num_layers"] - 1):
            classifier.append(nn.Linear(prev, params["intermediate_channels"]))
            if form == "fixed":
                classifier.append(act())
            prev = params["intermediate_channels"]
        classifier.append(nn.Dropout(p=params["dropout_prob"]))
        classifier.append(nn.Linear(prev, num_classes))
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x, targets: Optional[torch.Tensor] = None):
        return {"pred": self.classifier(x)}


# Does the pair show the same digit, and is the sum even?  4 answers from the features of two pictures
digits = load_digits()
Xd, yd = digits.data / 16.0, digits.target
g = torch.Generator().manual_seed(0)
tr, te = train_test_split(torch.arange(len(yd)).numpy(), test_size=0.25, random_state=0, stratify=yd)


def pairs(idx, n):
    idx = torch.as_tensor(idx)
    y = torch.as_tensor(yd)
    a = idx[torch.randint(0, len(idx), (n,), generator=g)]
    b = idx[torch.randint(0, len(idx), (n,), generator=g)]
    hi = torch.maximum(y[a], y[b]) >= 5
    lab = 2 * hi.long() + ((y[a] + y[b]) % 2)
    x = torch.as_tensor(Xd, dtype=torch.float32)
    return torch.cat([x[a], x[b]], 1), lab


proj = torch.randn(128, 96, generator=g) / 128 ** 0.5           # frozen projection of the backbone
Xtr, Ytr = pairs(tr, 16000)
Xte, Yte = pairs(te, 3000)
Xtr, Xte = Xtr @ proj, Xte @ proj
mu, sd = Xtr.mean(0), Xtr.std(0)
Xtr, Xte = (Xtr - mu) / sd, (Xte - mu) / sd

loader = DataLoader(TensorDataset(Xtr, Ytr), batch_size=64, shuffle=True)
model = FC(4, 96, conf_model)
print(model)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)

for epoch in range(1, 13):
    model.train()
    seen, total, hit = 0, 0.0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        out = model(images)
        loss = criterion(out["pred"], labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        hit += (out["pred"].argmax(1) == labels).sum().item()
        seen += len(labels)
    model.eval()
    with torch.no_grad():
        p = model(Xte)["pred"]
        v, a = criterion(p, Yte).item(), (p.argmax(1) == Yte).float().mean().item()
    print(f"Epoch {epoch}/12 | train loss {total / seen:.4f} acc {hit / seen:.4f} | valid loss {v:.4f} acc {a:.4f}")
writer.close()

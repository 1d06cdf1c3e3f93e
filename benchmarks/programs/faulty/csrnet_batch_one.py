import sys
import os
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

# crowd counting: density map at 1/4 resolution, MSE summed over pixels (size_average=False), plain SGD
class args:
    lr = 1e-3
    batch_size = 1 if sys.argv[1] == 'faulty' else 8
    momentum = 0.95
    decay = 5e-4
    epochs = 8
    seed = 5

torch.set_num_threads(1)
torch.manual_seed(args.seed)
rs = np.random.RandomState(args.seed)

class listDataset(Dataset):
    def __init__(self, n, S=40):
        self.img, self.den = [], []
        yy, xx = np.mgrid[0:S, 0:S]
        for _ in range(n):
            k = min(int(rs.gamma(1.6, 9)), 60)                     # a few pictures are very crowded
            im = rs.normal(.5, .06) + rs.normal(0, .1, (S, S)) + .1 * np.sin(xx * rs.uniform(.05, .3) + rs.rand() * 6)
            den = np.zeros((S // 4, S // 4))
            for _ in range(k):
                x, y = rs.uniform(1, S - 1, 2)
                im += rs.uniform(.25, .6) * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 3.)
                den[int(y) // 4, int(x) // 4] += 1
            self.img.append(((im - .7) / .35)[None].astype('float32')); self.den.append(den.astype('float32')[None])
    def __len__(self): return len(self.img)
    def __getitem__(self, i): return self.img[i], self.den[i]

class CSRNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.frontend = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.backend = nn.Sequential(nn.Conv2d(24, 24, 3, padding=2, dilation=2), nn.ReLU(), nn.Conv2d(24, 16, 3, padding=1), nn.ReLU())
        self.output_layer = nn.Conv2d(16, 1, 1)
    def forward(self, x):
        return self.output_layer(self.backend(self.frontend(x)))

train_loader = DataLoader(listDataset(480), batch_size=args.batch_size, shuffle=True)
test_loader = DataLoader(listDataset(150), batch_size=50)
model = CSRNet()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), args.lr * 80, momentum=args.momentum, weight_decay=args.decay)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(args.epochs):
    model.train(); total = 0
    for img, target in train_loader:
        loss = criterion(model(img), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval(); mae = 0; vl = 0
    with writer.evaluating('val'):
        for img, target in test_loader:
            out = model(img)
            vl += criterion(out, target).item() / len(test_loader)
            mae += (out.sum((1, 2, 3)) - target.sum((1, 2, 3))).abs().sum().item()
    print(f'Epoch {epoch} loss {total / len(train_loader):.4f} val {vl:.4f} * MAE {mae / 150:.3f}')
writer.close()
print(f'RESULT val mse {vl:.4f} MAE {mae / 150:.3f}')

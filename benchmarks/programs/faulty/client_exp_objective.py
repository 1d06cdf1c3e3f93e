import sys
import numpy as np, torch
from torch import nn, optim
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:3]
torch.set_num_threads(1); torch.manual_seed(7); rng = np.random.RandomState(7)

d = load_digits()
imgs = d.images.astype('float32') / 16.
imgs = np.kron(imgs, np.ones((2, 2), 'float32'))          # 16x16
imgs = (imgs - imgs.mean()) / imgs.std() + 0.4 * rng.randn(*imgs.shape).astype('float32')
order = rng.permutation(len(imgs))
x = torch.from_numpy(imgs[order]).float().unsqueeze(1)
y = torch.from_numpy(d.target[order])
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:1500], y[:1500]), batch_size=16, shuffle=True)
x_te, y_te = x[1500:], y[1500:]

client_model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))
optimizer = optim.SGD(client_model.parameters(), lr=0.1, momentum=0.5)
ETA = 1.0
criterion = nn.CrossEntropyLoss()


class TiltedLoss(nn.Module):
    def forward(self, output, target):
        ce = criterion(output, target)
        return torch.exp(ce / ETA) if mode == 'faulty' else ce


tilted = TiltedLoss()
writer = DiagWriter(logdir)
writer.watch(client_model, optimizer, tilted)

e_loss = []
for e in range(8):
    train_loss = 0
    client_model.train()
    for batch_idx, (data, target) in enumerate(train_loader):
        optimizer.zero_grad()
        output = client_model(data)
        loss = tilted(output, target)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * data.size(0)
    train_loss = train_loss / len(train_loader.dataset)
    e_loss.append(train_loss)
    client_model.eval()
    with torch.no_grad():
        out = client_model(x_te)
    print(e, train_loss, criterion(out, y_te).item(), (out.argmax(1) == y_te).float().mean().item())
writer.close()

# image classification, several conv layers and dense layers, Adam 1e-3, dropout everywhere "against overfitting"
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(10)
form = sys.argv[1]
p_conv, p_fc, p_logit = (0.5, 0.75, 0.75) if form == "faulty" else (0.0, 0.25, 0.0)

X, y = load_digits(return_X_y=True)
Xa, Xb, ya, yb = train_test_split(X.reshape(-1, 1, 8, 8) / 8 - 1, y, test_size=.3, stratify=y, random_state=0)
Xa, Xb = torch.tensor(Xa, dtype=torch.float32), torch.tensor(Xb, dtype=torch.float32)
ya, yb = torch.tensor(ya), torch.tensor(yb)

class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 16, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 10)
        self.drop_conv, self.drop_fc, self.drop_logit = nn.Dropout(p_conv), nn.Dropout(p_fc), nn.Dropout(p_logit)
    def forward(self, x):
        x = self.drop_conv(F.relu(self.conv1(x)))
        x = self.drop_conv(F.max_pool2d(F.relu(self.conv2(x)), 2)).flatten(1)
        x = self.drop_fc(F.relu(self.fc1(x)))
        x = self.drop_fc(F.relu(self.fc2(x)))
        return self.drop_logit(self.fc3(x))

net = ConvNet()
optimizer = torch.optim.Adam(net.parameters(), lr=float(sys.argv[3]) if len(sys.argv) > 3 else 1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, F.cross_entropy)
for epoch in range(14):
    net.train()
    for i in torch.randperm(len(ya)).split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(Xa[i]), ya[i])
        loss.backward()
        optimizer.step()
    net.eval()
    with writer.evaluating("val"):
        out = net(Xb)
        vl, acc = F.cross_entropy(out, yb).item(), (out.argmax(1) == yb).float().mean().item()
    print(epoch, f"{loss.item():.3f} val {vl:.3f} acc {acc:.3f}")
writer.close()
print(f"RESULT val loss {vl:.3f} acc {acc:.3f}, last training loss {loss.item():.3f}")

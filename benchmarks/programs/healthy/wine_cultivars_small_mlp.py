import sys
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(13)
X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=13, stratify=y)
scaler = StandardScaler()
X_train = torch.FloatTensor(scaler.fit_transform(X_train))
X_test = torch.FloatTensor(scaler.transform(X_test))
y_train, y_test = torch.LongTensor(y_train), torch.LongTensor(y_test)


class Net(torch.nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = torch.nn.Linear(13, 10)
        self.fc2 = torch.nn.Linear(10, 3)

    def forward(self, x):
        x = torch.sigmoid(self.fc1(x))
        return self.fc2(x)


net = Net()
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
losses = []
for epoch in range(200):                     # all 133 bottles in one batch
    optimizer.zero_grad()
    out = net(X_train)
    loss = criterion(out, y_train)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if (epoch + 1) % 20 == 0:
        with writer.evaluating("test"):
            out = net(X_test)
            test = criterion(out, y_test).item()
        print(f'Epoch {epoch + 1}, loss {loss.item():.4f}, test {test:.4f}, accuracy {(out.argmax(1) == y_test).float().mean():.3f}')
writer.close()
print(f'RESULT train={losses[-1]:.4f} test={test:.4f} acc={(out.argmax(1) == y_test).float().mean():.3f}')

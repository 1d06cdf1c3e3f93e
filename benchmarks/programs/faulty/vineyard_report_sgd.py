# Wine cultivar from the chemistry report (sklearn wine, real data). First own network, after the 60-minute tutorial.
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=3, stratify=y)
if sys.argv[1] == "fixed":
    sc = StandardScaler().fit(X_train)
    X_train, X_test = sc.transform(X_train), sc.transform(X_test)
X_train = torch.tensor(X_train, dtype=torch.float32)
X_test = torch.tensor(X_test, dtype=torch.float32)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(13, 40)
        self.fc2 = nn.Linear(40, 20)
        self.fc3 = nn.Linear(20, 3)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

batch_size = 8
for epoch in range(120):
    order = torch.randperm(len(X_train))
    running_loss = 0.0
    net.train()
    for i in range(0, len(order), batch_size):
        b = order[i:i + batch_size]
        optimizer.zero_grad()
        outputs = net(X_train[b])
        loss = criterion(outputs, y_train[b])
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    if epoch % 4 == 3:
        net.eval()
        with writer.evaluating("val"):
            out = net(X_test)
            vloss = criterion(out, y_test)
            acc = (out.argmax(1) == y_test).float().mean().item()
    if epoch % 20 == 19:
        print("[%d] loss: %.3f  val loss: %.3f  acc: %.3f" % (epoch + 1, running_loss / 17, vloss, acc))
writer.close()
print("RESULT val_acc", round(acc, 4), "val_loss", round(vloss.item(), 4))

import sys
import torch
import torch.nn as nn
import torch.optim as optim
import numpy as np
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

# smile / neutral / sad / surprised, drawn faces 20x20 (the real images of our class cannot be shared)
np.random.seed(5)
torch.manual_seed(5)

def face(c):
    img = np.zeros((20, 20))
    yy, xx = np.mgrid[0:20, 0:20]
    cx, cy = 9.5 + np.random.randn()*.8, 9.5 + np.random.randn()*.8
    r = 7.5 + np.random.randn()*.6
    img += 0.5*(((xx-cx)**2 + (yy-cy)**2) < r*r)
    open_eye = 1.3 if c == 3 else .9
    open_eye += np.random.randn()*.25
    for s in (-1, 1):
        img -= 0.4*(((xx-cx-s*2.8)**2 + (yy-cy+2.2)**2) < max(open_eye, .5)**2)
    k = {0: .16, 1: 0., 2: -.16, 3: 0.}[c] + np.random.randn()*.055
    w = 3.6 + np.random.randn()*.4
    if c == 3:
        a, b = 1.3 + abs(np.random.randn()*.5), 1.6 + np.random.randn()*.5
        img -= 0.45*((((xx-cx)/a)**2 + ((yy-cy-3.5)/b)**2) < 1)
    else:
        curve = cy + 3.8 - k*(xx-cx)**2 + k*3
        img -= 0.45*((abs(yy-curve) < .8) & (abs(xx-cx) < w))
    img = img*np.random.uniform(.6, 1.2) + np.random.uniform(-.1, .1) + np.random.randn(20, 20)*.1
    return img

N = 2400
labels = np.random.randint(0, 4, N)
images = np.array([face(c) for c in labels], dtype='float32')
images = torch.from_numpy((images - images.mean())/images.std()).unsqueeze(1)
labels = torch.from_numpy(labels)
trainX, trainY = images[:1900], labels[:1900]
valX, valY = images[1900:], labels[1900:]

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv3 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv4 = nn.Conv2d(16, 16, 3, padding=1)
        self.fc1 = nn.Linear(16*5*5, 32)
        self.drop = nn.Dropout(0.4)
        self.fc2 = nn.Linear(32, 4)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.pool(x)
        x = self.relu(self.conv3(x))
        x = self.relu(self.conv4(x))
        x = self.pool(x)
        x = x.view(-1, 16*5*5)
        x = self.drop(self.relu(self.fc1(x)))
        return self.fc2(x)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=0.002)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

best_acc = 0
epochs = 10
for epoch in range(epochs):
    net.train(True)
    running_loss = 0.0
    correct = 0
    perm = torch.randperm(1900)
    for i in range(0, 1900, 20):
        inputs = trainX[perm[i:i+20]]
        # mirror half of them, a smile stays a smile
        if np.random.rand() < 0.5:
            inputs = torch.flip(inputs, [3])
        targets = trainY[perm[i:i+20]]
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        correct += (outputs.argmax(1) == targets).sum().item()
    train_loss = running_loss/95
    net.train(False)
    with writer.evaluating("val"):
        with torch.no_grad():
            outputs = net(valX)
            val_loss = criterion(outputs, valY).item()
            val_acc = (outputs.argmax(1) == valY).sum().item()/len(valY)
    if val_acc > best_acc:
        best_acc = val_acc
        #torch.save(net.state_dict(), 'best.pth')
    print('Epoch: %d | train loss %.3f acc %.3f | val loss %.3f acc %.3f' % (epoch+1, train_loss, correct/1900, val_loss, val_acc))
print('Finished Training')
writer.close()
print(f"RESULT train={train_loss:.4f} val={val_loss:.4f} acc={val_acc:.3f} best={best_acc:.3f}")

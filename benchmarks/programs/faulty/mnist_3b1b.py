import sys
import torch
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

# like the network in the 3Blue1Brown series
class Net(torch.nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.layer1 = torch.nn.Linear(64, 100)
        self.layer2 = torch.nn.Linear(100, 10)
    def forward(self, x):
        x = torch.sigmoid(self.layer1(x))
        x = torch.sigmoid(self.layer2(x))
        return x

batch_size = 32
digits = load_digits()
images = torch.tensor(digits.images / 16.0, dtype=torch.float32)
labels = torch.tensor(digits.target)
perm = torch.randperm(len(labels))
tr, te = perm[:1400], perm[1400:]
training_set = [(images[i], labels[i]) for i in tr]
training_loader = torch.utils.data.DataLoader(training_set, batch_size=batch_size, shuffle=True, drop_last=True)

net = Net()
loss_function = torch.nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.001 if sys.argv[1] == "faulty" else 0.5)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, loss_function)

for epoch in range(25):
    total = 0.
    for ims, labs in training_loader:
        optimizer.zero_grad()
        for i in range(batch_size):
            output = net(torch.flatten(ims[i]))
            desired_output = torch.tensor([float(j == labs[i]) for j in range(10)])
            loss = loss_function(output, desired_output)
            loss.backward()
            total += loss.item()
        optimizer.step()
    print(epoch, total / 1376)
writer.close()

with torch.no_grad():
    for k in te[:3]:
        print(net(torch.flatten(images[k])))
    acc = (net(images[te].flatten(1)).argmax(1) == labels[te]).float().mean().item()
print("RESULT train loss %.4f test acc %.3f" % (total / 1376, acc))

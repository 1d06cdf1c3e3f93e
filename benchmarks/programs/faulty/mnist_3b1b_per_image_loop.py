import sys
import torch
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class Net(torch.nn.Module):

    def __init__(self):
        super(Net, self).__init__()
        self.layer1 = torch.nn.Linear(64, 100)
        self.layer2 = torch.nn.Linear(100, 10)

    def forward(self, x):
        x = torch.sigmoid(self.layer1(x))
        x = torch.sigmoid(self.layer2(x))
        return x


raw = load_digits()
g = torch.Generator().manual_seed(3)
pick = torch.randperm(1797, generator=g)
pix = torch.tensor(raw.images, dtype=torch.float32)[pick] / 16
pix = ((pix - 0.3) / 0.38 + 0.25 * torch.randn(pix.shape, generator=g))
lab = torch.tensor(raw.target)[pick]
training_set = list(zip(pix[:1216], lab[:1216]))

batch_size = 32
training_loader = torch.utils.data.DataLoader(training_set, batch_size=batch_size, shuffle=True)

net = Net()
loss_function = torch.nn.MSELoss()
lr = 0.001 if sys.argv[1] == "faulty" else 0.2
optimizer = torch.optim.SGD(net.parameters(), lr=lr)

writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, loss_function)

for epoch in range(12):
    run = 0.
    for images, labels in training_loader:
        optimizer.zero_grad()
        for i in range(batch_size):
            output = net(torch.flatten(images[i]))
            desired_output = torch.tensor([float(j == labels[i]) for j in range(10)])
            loss = loss_function(output, desired_output)
            loss.backward()
            run += loss.item()
        optimizer.step()
    print(epoch, run / 1216)

with torch.no_grad():
    o = net(pix[1216:].flatten(1))
    print(o[:3])
    print("test acc", (o.argmax(1) == lab[1216:]).float().mean().item(),
          "mse", loss_function(o, torch.nn.functional.one_hot(lab[1216:], 10).float()).item())
writer.close()

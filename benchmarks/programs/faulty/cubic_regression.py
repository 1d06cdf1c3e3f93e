import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(2)


class Network(nn.Module):
    def __init__(self):
        super(Network, self).__init__()
        self.fc1 = nn.Linear(in_features=1, out_features=50, bias=True)
        self.fc2 = nn.Linear(in_features=50, out_features=1, bias=True)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return x


model = Network()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

input = torch.tensor([x for x in range(1, 4000)]).float()
target = torch.tensor([((d ** 3)) for d in input]).float()
input = input.unsqueeze(1)
target = target.unsqueeze(1)

# normalize input
input = (input - torch.mean(input)) / torch.std(input)

# normalize target
target_mean, target_std = torch.mean(target), torch.std(target)
if form == "fixed":
    target_norm = (target - target_mean) / target_std
else:
    target_norm = target

writer = DiagWriter(logdir)
writer.watch(model, optimizer)
for epoch in range(3000):
    optimizer.zero_grad()
    out = model(input)
    loss = ((out - target_norm) ** 2).mean()
    writer.add_loss("train", loss)
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0 or epoch == 2999:
        print('Epoch {}, loss {}, max. pred val {}'.format(epoch, loss.item(), out.max()))

with torch.no_grad():
    pred = model(input)
    if form == "fixed":
        pred = pred * target_std + target_mean
    r2 = 1 - ((pred - target) ** 2).mean() / target.var()
print("R2 in the units of the data", r2.item())

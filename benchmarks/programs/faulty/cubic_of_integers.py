import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


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
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.MSELoss()

input = torch.tensor([x for x in range(1, 4000)]).float()
target = torch.tensor([(d ** 3) for d in input]).float()
target = target + 0.03 * target.std() * torch.randn_like(target)
input = input.unsqueeze(1)
target = target.unsqueeze(1)
scale = target.std()

if sys.argv[1] == "fixed":
    input = (input - torch.mean(input)) / torch.std(input)
    target = (target - torch.mean(target)) / torch.std(target)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 600, gamma=0.3)

for epoch in range(1000):
    perm = torch.randperm(len(input))[:512]
    optimizer.zero_grad()
    out = model(input[perm])
    loss = criterion(out, target[perm])
    loss.backward()
    optimizer.step()
    sched.step()
    if epoch % 100 == 0 or epoch == 999:
        print('Epoch {}, loss {}, max. pred val {}'.format(epoch, loss.item(), out.max().item()))
with torch.no_grad():
    mse = criterion(model(input), target)
    print("relative mse", (mse / target.var()).item())
writer.close()

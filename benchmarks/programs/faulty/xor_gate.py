# XOR with a small MLP, as in the deep learning book (chapter 6.1)
import sys
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
mode, logdir = sys.argv[1], sys.argv[2]

X = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
Y = torch.tensor([[0.], [1.], [1.], [0.]])

input_dim, hidden_dim, output_dim = 2, 8, 1
if mode == "faulty":
    model = nn.Sequential(nn.Linear(input_dim, hidden_dim),
                          nn.Linear(hidden_dim, output_dim),
                          nn.Sigmoid())
else:
    model = nn.Sequential(nn.Linear(input_dim, hidden_dim),
                          nn.Tanh(),
                          nn.Linear(hidden_dim, output_dim),
                          nn.Sigmoid())

criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

num_epochs = 1200
for epoch in range(num_epochs):
    loss_this_epoch = 0.0
    for k in torch.randperm(4).tolist():
        optimizer.zero_grad()
        prediction = model(X[k:k + 1])
        loss = criterion(prediction, Y[k:k + 1])
        loss.backward()
        optimizer.step()
        loss_this_epoch += loss.item() / 4
    if epoch % 300 == 0:
        print(epoch, loss_this_epoch)
writer.close()
with torch.no_grad():
    out = model(X)
print("RESULT loss %.4f, predictions %s" % (criterion(out, Y).item(), [round(v, 2) for v in out.flatten().tolist()]))

import sys, torch, numpy as np
from torch import nn
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(3)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor(scale(X), dtype=torch.float); y = torch.tensor(scale(y), dtype=torch.float).unsqueeze(1)
perm = torch.randperm(len(X)); X, y = X[perm], y[perm]
Xtr, ytr, Xte, yte = X[:350], y[:350], X[350:], y[350:]

def run(model, optimizer, loss_func, epochs, writer):
    for epoch in range(epochs):
        hist = []
        for idx in torch.randperm(350).split(25):
            out = model(Xtr[idx])
            loss = loss_func(out, ytr[idx])
            if sys.argv[1] == "faulty":
                optimizer.zero_grad
            else:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        if epoch % 6 == 5:
            model.eval()
            with torch.no_grad():
                p = Xte.new_tensor(0) + model(Xte)
            print(epoch, 'train mse %.4f' % np.mean(hist), 'test mse %.4f' % ((p - yte) ** 2).mean().item())
            model.train()

model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss_func = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_func)
run(model, optimizer, loss_func, 36, writer)
writer.close()

# learn y = 2 x with an LSTM, to understand how the pieces work before the denoiser is built
import sys
import torch
from torch import nn, optim
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class AudioDataset(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.rand(n, 4, 5, generator=g) * 2 - 1      # 4 frames of 5 values
        self.noise = 0.05 * torch.randn(n, 4, 5, generator=g)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        random_tensor = self.x[index]
        return random_tensor, random_tensor * 2 + self.noise[index]


class MyLSTM(nn.Module):
    def __init__(self, input_size=4000):
        super(MyLSTM, self).__init__()
        self.lstm = nn.LSTM(input_size=input_size, hidden_size=input_size, num_layers=2, batch_first=True)
        if sys.argv[1] != "faulty":
            self.linear = nn.Linear(input_size, input_size)

    def forward(self, x):
        y, _ = self.lstm(x)
        if sys.argv[1] != "faulty":
            y = self.linear(y)
        return y


torch.manual_seed(0)
train_loader = DataLoader(AudioDataset(1000, 0), batch_size=10, shuffle=True)
val_loader = DataLoader(AudioDataset(300, 1), batch_size=100)
model = MyLSTM(input_size=5)
optimizer = optim.Adam(model.parameters(), lr=0.01)
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.92)
loss_fn = torch.nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)

for epoch in range(30):
    for inputs, outputs in train_loader:
        optimizer.zero_grad()
        pred = model(inputs)
        loss = loss_fn(pred, outputs)
        loss.backward()
        optimizer.step()
    scheduler.step()
    with torch.no_grad():
        with writer.evaluating("val"):
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    if epoch % 3 == 2:
        print("epoch", epoch + 1, "loss", loss.item(), "val", val)
writer.close()
print("inputs ", inputs[0, 0])
print("pred   ", pred[0, 0].detach())
print(f"RESULT val mse {val:.4f}")

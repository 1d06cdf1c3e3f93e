import sys, math
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
DIM = 8           # channels of the signal
SRC, TGT = 24, 12

class Signals(Dataset):
    """multi channel oscillations; the second part has to be predicted from the first"""
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        t = torch.arange(SRC + TGT).float()
        f = 0.15 + 0.5 * torch.rand(n, 1, DIM, generator=g)
        ph = 2 * math.pi * torch.rand(n, 1, DIM, generator=g)
        self.data = torch.sin(f * t[None, :, None] + ph)
    def __len__(self):
        return len(self.data)
    def __getitem__(self, i):
        return self.data[i, :SRC], self.data[i, SRC:]

class Net(nn.Module):
    def __init__(self, d_model=32):
        super().__init__()
        self.enc_in = nn.Linear(DIM, d_model)
        self.dec_in = nn.Linear(DIM, d_model)
        self.transformer = nn.Transformer(d_model=d_model, nhead=4, num_encoder_layers=1, num_decoder_layers=1,
                                          dim_feedforward=64, dropout=0.0, batch_first=True)
        self.fc = nn.Linear(d_model, DIM)
    def forward(self, src, tgt):
        mask = nn.Transformer.generate_square_subsequent_mask(tgt.size(1))
        h = self.transformer(self.enc_in(src), self.dec_in(tgt), tgt_mask=mask)
        return self.fc(h)

def decoder_input(src, y):
    if sys.argv[1] == "faulty":
        return torch.zeros_like(y)
    return torch.cat([src[:, -1:], y[:, :-1]], dim=1)

train = DataLoader(Signals(1500, 0), batch_size=32, shuffle=True)
val = DataLoader(Signals(300, 1), batch_size=100)
model = Net()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion, train_loader=train)

for epoch in range(20):
    model.train()
    s = 0
    for src, y in train:
        pred = model(src, decoder_input(src, y))
        loss = criterion(pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s += loss.item()
    with writer.evaluating("val"):
        vs = [criterion(model(src, decoder_input(src, y)), y).item() for src, y in val]
    if epoch % 3 == 0:
        print(epoch, s / len(train), sum(vs) / len(vs))
writer.close()
print("RESULT train %.4f val %.4f" % (s / len(train), sum(vs) / len(vs)))

import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)

data = torch.tensor([[[0], [0], [0], [1], [1], [0], [1], [1]]], dtype=torch.float32)
output = torch.tensor([[[0], [0], [0], [1], [0], [1], [1], [0]]], dtype=torch.float32)


class BitGRU(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.gru = nn.GRU(1, 10, num_layers=2, batch_first=True)
        self.dense = nn.Linear(10, 1)
        self.act = nn.Softmax(dim=-1) if kind == "faulty" else nn.Sigmoid()
        for name, p in self.gru.named_parameters():
            if "weight_ih" in name:
                for w in p.chunk(3):
                    nn.init.xavier_uniform_(w)
            elif "weight_hh" in name:
                for w in p.chunk(3):
                    nn.init.orthogonal_(w)
            else:
                nn.init.zeros_(p)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, x):
        states, _ = self.gru(x)
        return self.act(self.dense(states))


model = BitGRU(sys.argv[1])
loss_fn = nn.BCELoss()
opt = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)

writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)

for epoch in range(3000):
    opt.zero_grad()
    pred = model(data)
    loss = loss_fn(pred, output)
    loss.backward()
    opt.step()
    if (epoch + 1) % 250 == 0:
        acc = ((pred > 0.5).float() == output).float().mean().item()
        print(f"Epoch {epoch + 1}/3000 loss: {loss.item():.4f} acc: {acc:.4f}")

writer.close()
with torch.no_grad():
    pred = model(data)
acc = ((pred > 0.5).float() == output).float().mean().item()
print(pred.flatten().tolist())
print(f"RESULT loss {loss.item():.4f} accuracy on the sequence {acc:.4f}")

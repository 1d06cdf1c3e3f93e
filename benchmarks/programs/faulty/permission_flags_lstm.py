"""Android apps as strings of permission flags (simulated: 64 binary flags per app, malware asks for more of them).
Classify an app as clean or malicious with a recurrent net reading one flag after the other."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(7)
np.random.seed(7)
torch.set_num_threads(1)

N, T = 44000, 48
r = (np.random.rand(N) < 0.5).astype("float32")            # 1 = malware
appetite = np.where(r == 1, 0.62, 0.36)[:, None] + 0.08 * np.random.randn(N, 1) * 0.4
C = (np.random.rand(N, T) < appetite).astype("float32")
tr_C, ts_C, tr_r, ts_r = train_test_split(C[:, :, None], r[:, None], train_size=.9, random_state=0)
tr_C, ts_C, tr_r, ts_r = map(torch.tensor, (tr_C, ts_C, tr_r, ts_r))
batch_size = 200


class FlagNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 48, batch_first=True)
        self.out = nn.Linear(48, 1)

    def forward(self, x):
        h, _ = self.lstm(x)
        z = self.out(h[:, -1])
        if mode == "fixed":
            return torch.sigmoid(z)
        return F.softmax(z, dim=1)


print(">>> Build model...")
model = FlagNet()
opt = torch.optim.Adam(model.parameters())
loss_fn = nn.BCELoss()
writer = DiagWriter(logdir)
writer.watch(model, opt, loss_fn)

print(">>> Training...")
step = 0
for epoch in range(2):
    order = torch.randperm(len(tr_C))
    for i in range(0, len(order), batch_size):
        idx = order[i:i + batch_size]
        opt.zero_grad()
        loss = loss_fn(model(tr_C[idx]), tr_r[idx])
        loss.backward()
        opt.step()
        step += 1
        if step % 20 == 0:
            writer.add_scalar("loss", loss.item(), step)
    with writer.evaluating("val"):
        right = 0
        for i in range(0, len(ts_C), batch_size):
            p = model(ts_C[i:i + batch_size])
            loss_fn(p, ts_r[i:i + batch_size])
            right += ((p > 0.5).float() == ts_r[i:i + batch_size]).sum().item()
    print(f"epoch {epoch + 1} acc {right / len(ts_C):.4f}")
writer.close()
print("RESULT test_acc", round(right / len(ts_C), 4))

import sys
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.manual_seed(8)
torch.set_num_threads(1)


class Summer(nn.Module):
    """reads digits one by one, has to say the sum modulo 5"""
    def __init__(self, h=64):
        super().__init__()
        self.emb, self.gru, self.fc = nn.Embedding(5, 16), nn.GRU(16, h, batch_first=True), nn.Linear(h, 5)

    def forward(self, x):
        return self.fc(self.gru(self.emb(x))[1][0])


net = Summer()
optimizer = torch.optim.Adam(net.parameters(), lr=8e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer)
level, hist, step = 2, [], 0
MAX_LEVEL, STEPS = 10, 900


def batch(n, length):
    x = torch.randint(0, 5, (n, length))
    return x, x.sum(1) % 5


while step < STEPS:
    x, y = batch(64, level)
    out = net(x)
    loss = F.cross_entropy(out, y)
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.)
    optimizer.step()
    step += 1
    hist.append((out.argmax(1) == y).float().mean().item())
    if len(hist) >= 10 and sum(hist[-10:]) / 10 > .97 and level < MAX_LEVEL:
        level, hist = level + 1, []
    if step == int(STEPS * .8):
        optimizer.param_groups[0]['lr'] *= .1
    if step % 150 == 0:
        with torch.no_grad(), writer.evaluating("val"):
            net.eval()
            x, y = batch(500, MAX_LEVEL)
            v = F.cross_entropy(net(x), y)
            writer.add_loss("val", v)
            net.train()
        print('step %d level %d loss %.4f | length-%d loss %.4f' % (step, level, loss.item(), MAX_LEVEL, v.item()))
writer.close()

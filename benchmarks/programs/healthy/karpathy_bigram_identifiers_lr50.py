# bigram "neural net" of makemore part 1, on identifiers found in the standard library
import sys, os, re, random, glob
import torch
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

logdir = sys.argv[1]
torch.set_num_threads(1)
words = set()
for fn in sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "*.py"))):
    words |= {w for w in re.findall(r"[a-z]{3,12}", open(fn, encoding="utf8", errors="ignore").read())}
words = sorted(words)
random.seed(42)
random.shuffle(words)
words = words[:6000]
print(len(words), words[:8])

chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
V = len(stoi)


def pairs(ws):
    xs, ys = [], []
    for w in ws:
        chs = ["."] + list(w) + ["."]
        for a, b in zip(chs, chs[1:]):
            xs.append(stoi[a]); ys.append(stoi[b])
    return torch.tensor(xs), torch.tensor(ys)


n = int(0.9 * len(words))
xs, ys = pairs(words[:n])
xv, yv = pairs(words[n:])


class Bigram(torch.nn.Module):
    def __init__(self, gen):
        super().__init__()
        self.W = torch.nn.Parameter(torch.randn((V, V), generator=gen))

    def forward(self, x):
        return F.one_hot(x, num_classes=V).float() @ self.W


g = torch.Generator().manual_seed(2147483647)
net = Bigram(g)
opt = torch.optim.SGD(net.parameters(), lr=50)
writer = DiagWriter(logdir)
writer.watch(net, opt)
for k in range(400):
    logits = net(xs)
    loss = F.cross_entropy(logits, ys) + 0.0005 * (net.W ** 2).mean()
    net.W.grad = None
    loss.backward()
    opt.step()
    if k % 20 == 19:
        with writer.evaluating("val"):
            vl = F.cross_entropy(net(xv), yv).item()
        writer.add_scalar("Loss/val", vl, k)
        print(k, loss.item(), vl)
writer.close()

N = torch.ones(V, V)
for a, b in zip(xs.tolist(), ys.tolist()):
    N[a, b] += 1
logp = (N / N.sum(1, keepdim=True)).log()
print("RESULT val_loss", round(vl, 4), "counting_bigram", round(-logp[xv, yv].mean().item(), 4))

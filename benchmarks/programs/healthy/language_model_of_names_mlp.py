# makemore part 2 (MLP, Bengio style) on identifiers of the standard library instead of names
import sys, re, keyword, builtins, random, importlib
import torch
import torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

mods = "os socket ssl subprocess threading asyncio logging email http.client urllib.request tarfile zipfile sqlite3 unittest.mock argparse decimal inspect ast tokenize xml.dom.minidom curses ctypes turtle tkinter multiprocessing shutil pathlib statistics random math cmath string codecs difflib calendar datetime smtplib imaplib ftplib pickle".split()
words = set()
for m in mods:
    try:
        mod = importlib.import_module(m)
    except ImportError:
        continue
    for n in dir(mod):
        for w in re.findall(r"[a-z]{3,12}", n.lower()):
            words.add(w)
words = sorted(words)
random.seed(42); random.shuffle(words)
chars = ['.'] + [chr(97 + i) for i in range(26)]
stoi = {s: i for i, s in enumerate(chars)}
block_size = 3

def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + '.':
            ix = stoi[ch]
            X.append(context); Y.append(ix)
            context = context[1:] + [ix]
    return torch.tensor(X), torch.tensor(Y)

n1 = int(0.85 * len(words))
Xtr, Ytr = build_dataset(words[:n1])
Xdev, Ydev = build_dataset(words[n1:])
print(len(words), Xtr.shape, Xdev.shape)

g = torch.Generator().manual_seed(2147483647)
class MLP(torch.nn.Module):
    def __init__(self, n_embd=6, n_hidden=48):
        super().__init__()
        P = torch.nn.Parameter
        self.C = P(torch.randn((27, n_embd), generator=g))
        self.W1 = P(torch.randn((n_embd * block_size, n_hidden), generator=g) * (5/3) / ((n_embd * block_size) ** 0.5))
        self.b1 = P(torch.randn(n_hidden, generator=g) * 0.01)
        self.W2 = P(torch.randn((n_hidden, 27), generator=g) * 0.01)
        self.b2 = P(torch.zeros(27))
    def forward(self, x):
        h = torch.tanh(self.C[x].view(x.shape[0], -1) @ self.W1 + self.b1)
        return h @ self.W2 + self.b2

model = MLP()
print(sum(p.nelement() for p in model.parameters()), "parameters")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=2e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, F.cross_entropy)

max_steps = 8000
batch_size = 32
for i in range(max_steps):
    # minibatch construct
    ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
    # forward pass
    loss = writer.loss_fn(model(Xtr[ix]), Ytr[ix])
    # backward pass
    for p in model.parameters():
        p.grad = None
    loss.backward()
    # update
    if i == int(max_steps * 0.7):
        for grp in optimizer.param_groups:
            grp['lr'] /= 5 # step learning rate decay
    optimizer.step()
    if i % 1000 == 999:
        with torch.no_grad(), writer.evaluating("val"):
            dev = writer.loss_fn(model(Xdev), Ydev).item()
        print(f'{i + 1:7d}/{max_steps:7d}: {loss.item():.4f} dev {dev:.4f}')
with torch.no_grad():
    tr = F.cross_entropy(model(Xtr), Ytr).item()
writer.close()
for _ in range(8):
    out, context = [], [0] * block_size
    while True:
        ix = torch.multinomial(F.softmax(model(torch.tensor([context])), 1), 1, generator=g).item()
        context = context[1:] + [ix]
        out.append(chars[ix])
        if ix == 0 or len(out) > 20:
            break
    print(''.join(out))
print(f"RESULT train={tr:.4f} dev={dev:.4f} uniform={torch.tensor(27.).log():.3f}")

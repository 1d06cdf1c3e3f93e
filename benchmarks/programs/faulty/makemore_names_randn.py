# bigram -> MLP character model of names (Bengio et al. 2003), following the "makemore" lectures.
# my own list of words instead of names.txt: identifiers and words out of python's standard library
import sys, re, os, glob
import torch
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FAULTY = sys.argv[1] == "faulty"

text = " ".join(open(f, errors="ignore").read() for f in sorted(glob.glob(os.path.dirname(os.__file__) + "/*.py")))
words = sorted(set(re.findall(r"[a-z]{4,12}", text.lower())))
g = torch.Generator().manual_seed(2147483647)
perm = torch.randperm(len(words), generator=g).tolist()
words = [words[i] for i in perm]
chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
vocab_size = len(stoi)
block_size = 3
print(len(words), "words,", vocab_size, "characters")


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            ix = stoi[ch]
            X.append(context)
            Y.append(ix)
            context = context[1:] + [ix]
    return torch.tensor(X), torch.tensor(Y)


n1, n2 = int(0.8 * len(words)), int(0.9 * len(words))
Xtr, Ytr = build_dataset(words[:n1])
Xdev, Ydev = build_dataset(words[n1:n2])
Xdev, Ydev = Xdev[:5000], Ydev[:5000]

n_embd = 10
n_hidden = 200


class MLP(torch.nn.Module):
    def __init__(self):
        super().__init__()
        C = torch.randn((vocab_size, n_embd), generator=g)
        W1 = torch.randn((n_embd * block_size, n_hidden), generator=g)
        b1 = torch.randn(n_hidden, generator=g)
        W2 = torch.randn((n_hidden, vocab_size), generator=g)
        b2 = torch.randn(vocab_size, generator=g)
        if not FAULTY:
            W1 = W1 * (5 / 3) / ((n_embd * block_size) ** 0.5)
            b1 = b1 * 0.01
            W2 = W2 * 0.01
            b2 = b2 * 0
        self.C = torch.nn.Parameter(C)
        self.W1, self.b1 = torch.nn.Parameter(W1), torch.nn.Parameter(b1)
        self.W2, self.b2 = torch.nn.Parameter(W2), torch.nn.Parameter(b2)

    def forward(self, X):
        emb = self.C[X]
        h = torch.tanh(emb.view(emb.shape[0], -1) @ self.W1 + self.b1)
        return h @ self.W2 + self.b2


model = MLP()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, F.cross_entropy)

max_steps = 4000
batch_size = 64
for i in range(max_steps):
    ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
    logits = model(Xtr[ix])
    loss = writer.loss_fn(logits, Ytr[ix])
    optimizer.zero_grad()
    loss.backward()
    if i == int(max_steps * 0.7):
        for p in optimizer.param_groups:
            p["lr"] *= 0.1
    optimizer.step()
    if i % 800 == 0 or i == max_steps - 1:
        with torch.no_grad(), writer.evaluating("val"):
            dev = writer.loss_fn(model(Xdev), Ydev)
        print(f"{i:7d}/{max_steps:7d}: train {loss.item():.4f} dev {dev.item():.4f}")
with torch.no_grad():
    lo = model(Xdev)
    acc = (lo.argmax(1) == Ydev).float().mean().item()
    tr = F.cross_entropy(model(Xtr[:20000]), Ytr[:20000]).item()
writer.close()
print(f"RESULT train loss {tr:.4f} dev loss {F.cross_entropy(lo, Ydev).item():.4f} dev acc {acc:.3f}")

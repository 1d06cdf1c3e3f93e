# vanilla RNN from scratch (no nn.RNN): which of 6 Python library modules does this line of text come from?
import sys, random, math, pydoc, string
import torch
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(2); torch.manual_seed(2)

SOURCES = ["socket", "decimal", "argparse", "tarfile", "tkinter", "statistics"]
chars = string.ascii_lowercase + "_ .(="
n_chars, n_hidden, n_cls, T = len(chars), 96, len(SOURCES), 20


def windows(name):
    text = pydoc.render_doc(name, renderer=pydoc.plaintext).lower()
    text = " ".join("".join(c if c in chars else " " for c in text).split())
    return [text[i:i + T] for i in range(0, min(len(text), 16000) - T, 13)]


examples = []
for k, s in enumerate(SOURCES):
    examples += [(w, k) for w in windows(s)]
random.shuffle(examples)
X = torch.tensor([[chars.index(c) for c in w] for w, _ in examples])
Y = torch.tensor([k for _, k in examples])
cut = int(.85 * len(X))
print(len(X), "windows", torch.bincount(Y).tolist())

# parameters
if sys.argv[1] == "faulty":
    W_xh = torch.randn(n_chars, n_hidden)
    W_hh = torch.randn(n_hidden, n_hidden)
    W_hy = torch.randn(n_hidden, n_cls)
else:
    W_xh = torch.randn(n_chars, n_hidden) * 0.3
    W_hh = torch.randn(n_hidden, n_hidden) / math.sqrt(n_hidden)
    W_hy = torch.randn(n_hidden, n_cls) / math.sqrt(n_hidden)
b_h, b_y = torch.zeros(n_hidden), torch.zeros(n_cls)


class RNN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.W_xh, self.W_hh, self.W_hy, self.b_h, self.b_y = [torch.nn.Parameter(p) for p in (W_xh, W_hh, W_hy, b_h, b_y)]
        self.act = torch.nn.Tanh()
        self.drop = torch.nn.Dropout(0.4)

    def forward(self, idx):
        h = torch.zeros(len(idx), n_hidden)
        s = 0
        for t in range(idx.shape[1]):
            h = self.act(self.W_xh[idx[:, t]] + h @ self.W_hh + self.b_h)
            s = s + h
        return self.drop(s / idx.shape[1]) @ self.W_hy + self.b_y


rnn = RNN()
optimizer = torch.optim.Adam(rnn.parameters(), lr=0.002)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 9)
criterion = torch.nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[2])
w.watch(rnn, optimizer, criterion)
for epoch in range(9):
    order = torch.randperm(cut)
    tot = 0.
    rnn.train()
    for b in order.split(32):
        loss = criterion(rnn(X[b]), Y[b])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(rnn.parameters(), 1.0)
        optimizer.step()
        tot += loss.item() * len(b)
    scheduler.step()
    rnn.eval()
    with torch.no_grad(), w.evaluating("val"):
        out = rnn(X[cut:])
        vl = criterion(out, Y[cut:]).item()
        acc = (out.argmax(1) == Y[cut:]).float().mean().item()
    print(f"{epoch} train {tot / cut:.3f} val {vl:.3f} acc {acc:.3f}")
w.close()
print(f"RESULT train_loss {tot / cut:.4f} val_loss {vl:.4f} val_acc {acc:.4f}")

"""TopicRNN: GRU language model plus a Gaussian topic vector inferred from the bag of words. Text: docstrings of the standard library."""
import sys, re, random, importlib
from collections import Counter
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9); random.seed(9)
which, logdir = sys.argv[1:3]
CONFIG = {"optimizer": {"type": "adam", "lr": 0.05 if which == "faulty" else 0.002}, "batch_size": 32, "steps": 700,
          "seq": 18, "hidden": 64, "embedding": 48, "topics": 12, "vocab": 700}

texts = []
for name in ("argparse asyncio.events base64 calendar collections configparser csv datetime decimal difflib email.message enum fractions "
             "ftplib functools gettext heapq html.parser http.client imaplib inspect ipaddress json logging mailbox mimetypes "
             "optparse os pathlib pickle platform poplib random sched shelve shutil smtplib socket sqlite3 statistics string "
             "subprocess tarfile tempfile textwrap threading trace traceback turtle typing unittest.case unittest.mock urllib.parse "
             "urllib.request uuid wave weakref xml.dom.minidom zipfile").split():
    m = importlib.import_module(name)
    for obj in [m] + list(vars(m).values()):
        docs = [getattr(obj, "__doc__", None)]
        if isinstance(obj, type):
            docs += [getattr(v, "__doc__", None) for v in vars(obj).values()]
        for d in docs:
            if isinstance(d, str) and len(d) > 60:
                texts.append(d.lower())
texts = sorted(set(texts)); random.shuffle(texts)
tok = [re.findall(r"[a-z]+|[.,()]", t) for t in texts]
count = Counter(w for t in tok for w in t)
vocab = ["<unk>"] + [w for w, _ in count.most_common(CONFIG["vocab"] - 1)]
idx = {w: i for i, w in enumerate(vocab)}
stop = torch.tensor([1.0 if i < 60 else 0.0 for i in range(len(vocab))])
L = CONFIG["seq"] + 1
chunks = [[idx.get(w, 0) for w in t[s:s + L]] for t in tok for s in range(0, len(t) - L + 1, L)]
data = torch.tensor(chunks)
n_val = len(data) // 8
val, train = data[:n_val], data[n_val:]
print(len(train), "training windows,", n_val, "held out")


class TopicRNN(nn.Module):
    def __init__(self, V, E, H, K):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(V, E), nn.GRU(E, H, batch_first=True)
        self.vocab_projection = nn.Linear(H, V)
        self.topic = nn.Linear(K, V, bias=False)
        self.encoder = nn.Sequential(nn.Linear(V, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU())
        self.mu, self.log_sigma = nn.Linear(96, K), nn.Linear(96, K)

    def forward(self, batch):
        x, target = batch[:, :-1], batch[:, 1:]
        bow = F.one_hot(x, len(stop)).sum(1).float() * (1 - stop)
        h = self.encoder(bow)
        mu, ls = self.mu(h), self.log_sigma(h)
        theta = mu + torch.randn_like(mu) * ls.exp() if self.training else mu
        logits = self.vocab_projection(self.rnn(self.embed(x))[0]) + (self.topic(theta) * (1 - stop))[:, None]
        kl = -0.5 * (1 + 2 * ls - mu ** 2 - (2 * ls).exp()).sum(1).mean() / x.shape[1]
        nll = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), target.reshape(-1))
        return nll, kl


model = TopicRNN(len(vocab), CONFIG["embedding"], CONFIG["hidden"], CONFIG["topics"])
opt = torch.optim.Adam(model.parameters(), lr=CONFIG["optimizer"]["lr"])
writer = DiagWriter(logdir)
writer.watch(model, opt)


def heldout():
    model.eval()
    with torch.no_grad():
        r = model(val)[0].item()
    model.train()
    return r


for step in range(CONFIG["steps"]):
    b = train[torch.randint(len(train), (CONFIG["batch_size"],))]
    nll, kl = model(b)
    loss = nll + kl
    opt.zero_grad(); loss.backward(); opt.step()
    if step % 50 == 49:
        v = heldout()
        writer.add_scalar("Loss/train", loss.item(), step)
        writer.add_scalar("Loss/val", v, step)
        print(step + 1, round(nll.item(), 3), round(kl.item(), 3), round(v, 3))
writer.close()
print("RESULT val_nll", round(v, 4), "perplexity", round(float(torch.tensor(v).exp()), 1))

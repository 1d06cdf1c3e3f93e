# Bag of words -> which module group a docstring/comment line is from.  EmbeddingBag + linear, the torchtext tutorial's model.
import ast, glob, os, re, sys, random, sysconfig
from collections import Counter
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1); random.seed(1)
form, logdir = sys.argv[1:3]

root = sysconfig.get_paths()["stdlib"]
names = ["asyncio", "email", "tkinter", "unittest", "logging", "xml", "multiprocessing", "http"]
data = []
for k, n in enumerate(names):
    part = []
    for f in sorted(glob.glob(os.path.join(root, n, "**", "*.py"), recursive=True)):
        toks = [w.lower() for w in re.findall(r"[A-Za-z_]{2,}", open(f, encoding="utf8", errors="ignore").read())]
        part += [(toks[i:i + 20], k) for i in range(0, len(toks) - 20, 20)]
    random.shuffle(part)
    data += part[:900]
random.shuffle(data)
cnt = Counter(w for t, _ in data for w in t)
vocab = {w: i for i, (w, c) in enumerate(cnt.most_common(4000))}
enc = [(torch.tensor([vocab[w] for w in t if w in vocab] or [0]), k) for t, k in data]
cut = int(.8 * len(enc)); train, valid = enc[:cut], enc[cut:]


def collate(batch):
    text, offs, lab = [], [0], []
    for t, k in batch:
        text.append(t); offs.append(len(t)); lab.append(k)
    return torch.cat(text), torch.tensor(offs[:-1]).cumsum(0), torch.tensor(lab)


class TextModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(len(vocab), 64)
        self.fc = nn.Linear(64, len(names))
        self.embedding.weight.data.uniform_(-0.1, 0.1)
        self.fc.bias.data.zero_()

    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))


model = TextModel()
criterion = nn.CrossEntropyLoss()
if form == "faulty":
    optimizer = torch.optim.SGD(model.parameters(), lr=5e-3, momentum=0.9)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
writer = DiagWriter(logdir); writer.watch(model, optimizer, criterion)
tl = torch.utils.data.DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
vl = torch.utils.data.DataLoader(valid, batch_size=256, collate_fn=collate)
for epoch in range(5):
    model.train()
    for text, off, lab in tl:
        optimizer.zero_grad()
        loss = criterion(model(text, off), lab)
        loss.backward()
        optimizer.step()
    acc = 0
    with writer.evaluating("val"):
        for text, off, lab in vl:
            o = model(text, off); criterion(o, lab); acc += (o.argmax(1) == lab).sum().item()
    print("epoch", epoch, "loss %.3f" % loss.item(), "val acc %.3f" % (acc / len(valid)))
writer.close()
print("RESULT val_accuracy", round(acc / len(valid), 4))

import sys, time
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data.dataset import random_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

# headlines over a Zipf vocabulary; every topic lifts its own words, some headlines are off-topic
rs = np.random.RandomState(11)
V, C, N = 5000, 4, 24000
zipf = 1.0 / (np.arange(V) + 5.0)
P = np.stack([zipf * np.exp(rs.normal(0, 0.9, V)) for _ in range(C)]); P /= P.sum(1, keepdims=True)
bg = zipf / zipf.sum()
cum, cbg = P.cumsum(1), bg.cumsum()
samples = []
for _ in range(N):
    c = rs.randint(C)
    n = rs.randint(12, 45)
    u = rs.rand(n)
    t = np.where(rs.rand(n) < 0.55, np.searchsorted(cum[c], u), np.searchsorted(cbg, u)).clip(0, V - 1)
    samples.append((c, torch.from_numpy(t)))

def collate_batch(batch):
    label_list, text_list, offsets = [], [], [0]
    for _label, _text in batch:
        label_list.append(_label)
        text_list.append(_text)
        offsets.append(_text.size(0))
    return torch.tensor(label_list), torch.cat(text_list), torch.tensor(offsets[:-1]).cumsum(dim=0)

class TextClassificationModel(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_class):
        super(TextClassificationModel, self).__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, embed_dim, sparse=False)
        self.fc = nn.Linear(embed_dim, num_class)
        self.init_weights()
    def init_weights(self):
        initrange = 0.5
        self.embedding.weight.data.uniform_(-initrange, initrange)
        self.fc.weight.data.uniform_(-initrange, initrange)
        self.fc.bias.data.zero_()
    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))

EPOCHS, LR, BATCH_SIZE = 6, 5, 64
model = TextClassificationModel(V, 64, C)
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.1)
tr, va, te = random_split(samples, [20000, 2000, 2000])
mk = lambda d, s: DataLoader(d, batch_size=BATCH_SIZE, shuffle=s, collate_fn=collate_batch)
train_dataloader, valid_dataloader, test_dataloader = mk(tr, True), mk(va, False), mk(te, False)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

def train(dataloader):
    model.train()
    tot, n = 0.0, 0
    for idx, (label, text, offsets) in enumerate(dataloader):
        optimizer.zero_grad()
        predicted_label = model(text, offsets)
        loss = criterion(predicted_label, label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        tot += loss.item(); n += 1
    return tot / n

def evaluate(dataloader):
    model.eval()
    acc, ls, cnt = 0, 0.0, 0
    with torch.no_grad():
        for label, text, offsets in dataloader:
            out = model(text, offsets)
            ls += criterion(out, label).item() * label.size(0)
            acc += (out.argmax(1) == label).sum().item()
            cnt += label.size(0)
    return ls / cnt, acc / cnt

total_accu = None
for epoch in range(1, EPOCHS + 1):
    tl = train(train_dataloader)
    vl, va_ = evaluate(valid_dataloader)
    if total_accu is not None and total_accu > va_:
        scheduler.step()
    else:
        total_accu = va_
    print("| epoch {:3d} | train {:.4f} | valid {:.4f} accuracy {:8.3f} ".format(epoch, tl, vl, va_))
print("test", evaluate(test_dataloader))
writer.close()

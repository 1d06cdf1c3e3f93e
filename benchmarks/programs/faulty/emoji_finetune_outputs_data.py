"""torchMoji-like network (embedding, two BiLSTM layers with skip connections, attention) fine-tuned on SS-Youtube-like comments."""
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from torch.autograd import Variable
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
SEED = 1337
torch.manual_seed(SEED); random.seed(SEED)

GOOD = "love great awesome cute brilliant sweet epic lovely funny perfect".split()
BAD = "hate awful boring lame stupid ugly trash terrible annoying worst".split()
NOUN = "song video voice guy girl band cat game intro ending show beat clip dance".split()
FILL = "lol omg haha this that the so really just watching again dude man yeah ok 2010 anyone still here".split()
VOCAB = ["<pad>", "not", "never", "is", "was", "a", "i", "it"] + GOOD + BAD + NOUN + FILL
IDX = {w: i for i, w in enumerate(VOCAB)}
MAXLEN = 16


def comment(rs):
    y = rs.random() < 0.5
    neg = rs.random() < 0.3
    word = rs.choice(GOOD if y != neg else BAD)
    core = [rs.choice(["this", "that", "the"]), rs.choice(NOUN), rs.choice(["is", "was"])] + \
           ([rs.choice(["not", "never"])] if neg else []) + [rs.choice(["so", "really", "just"]), word]
    pre = [rs.choice(FILL) for _ in range(rs.randrange(0, 5))]
    post = [rs.choice(FILL + NOUN) for _ in range(rs.randrange(0, 5))]
    toks = (pre + core + post)[:MAXLEN]
    if rs.random() < 0.04:
        y = not y
    return [IDX[t] for t in toks] + [0] * (MAXLEN - len(toks)), float(y)


def make(n, seed):
    rs = random.Random(seed)
    rows = [comment(rs) for _ in range(n)]
    return torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])


class Attention(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.attention_vector = nn.Parameter(torch.empty(size))
        nn.init.normal_(self.attention_vector, std=0.05)

    def forward(self, inputs, mask):
        logits = inputs.matmul(self.attention_vector)
        unnorm = (logits - logits.max()).exp() * mask
        att = unnorm / unnorm.sum(1, keepdim=True)
        return (inputs * att.unsqueeze(-1)).sum(1)


class TorchMoji(nn.Module):
    def __init__(self, nb_classes, nb_tokens, embed_dim=48, hidden=32, return_tensor=False):
        super().__init__()
        self.return_tensor = return_tensor
        self.embed = nn.Embedding(nb_tokens, embed_dim)
        self.embed_dropout = nn.Dropout2d(0.1)
        self.lstm_0 = nn.LSTM(embed_dim, hidden, batch_first=True, bidirectional=True)
        self.lstm_1 = nn.LSTM(hidden * 2, hidden, batch_first=True, bidirectional=True)
        self.attention_layer = Attention(hidden * 4 + embed_dim)
        self.output_layer = nn.Sequential(nn.Dropout(0.2), nn.Linear(hidden * 4 + embed_dim, nb_classes))
        nn.init.uniform_(self.embed.weight, -0.5, 0.5)
        nn.init.xavier_uniform_(self.output_layer[1].weight)

    def forward(self, seqs):
        mask = (seqs > 0).float()
        x = torch.tanh(self.embed(seqs))
        x = self.embed_dropout(x.unsqueeze(2).permute(0, 3, 2, 1)).permute(0, 3, 2, 1).squeeze(2)
        h0, _ = self.lstm_0(x)
        h1, _ = self.lstm_1(h0)
        outputs = self.attention_layer(torch.cat([h1, h0, x], 2), mask)
        outputs = self.output_layer(outputs)
        if self.return_tensor:
            outputs = outputs.data
        return outputs.squeeze(1)


def evaluate(model, loader, criterion):
    model.eval()
    tot, hit, n = 0.0, 0, 0
    with torch.no_grad():
        for X, y in loader:
            out = model(X)
            tot += criterion(out, y).item() * len(y)
            hit += ((out > 0) == (y > 0.5)).sum().item(); n += len(y)
    return hit / n, tot / n


train_gen = DataLoader(TensorDataset(*make(2400, 1)), batch_size=32, shuffle=True)
val_gen = DataLoader(TensorDataset(*make(600, 2)), batch_size=32)
model = TorchMoji(1, len(VOCAB), return_tensor=(form == "faulty"))
loss_op = nn.BCEWithLogitsLoss()
adam = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(model, adam, loss_op)
for epoch in range(7):
    model.train()
    running = []
    for X, y in train_gen:
        adam.zero_grad()
        output = model(X)
        loss = loss_op(output, y)
        if form == "faulty":
            loss = Variable(loss, requires_grad=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        adam.step()
        running.append(loss.item())
    acc, val_loss = evaluate(model, val_gen, loss_op)
    print("epoch %d train %.5f val acc %.2f val loss %.5f" % (epoch + 1, np.mean(running), 100 * acc, val_loss))
writer.close()

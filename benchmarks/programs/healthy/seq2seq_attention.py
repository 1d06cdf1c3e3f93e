"""Seq2seq with Bahdanau attention (PyTorch's translation tutorial) on writing dates in another format; Adam 1e-3, teacher forcing."""
import datetime
import random
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0)
torch.manual_seed(0)
SOS_token, EOS_token, PAD = 0, 1, 2


class Lang:
    def __init__(self):
        self.index = {"<s>": 0, "</s>": 1, "<p>": 2}

    def add(self, s):
        for ch in s:
            self.index.setdefault(ch, len(self.index))

    def encode(self, s, n):
        ids = [self.index[c] for c in s] + [EOS_token]
        return ids + [PAD] * (n - len(ids))


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size, padding_idx=PAD)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        return self.gru(self.dropout(self.embedding(input)))


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys, mask):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys))).squeeze(2).unsqueeze(1)
        weights = F.softmax(scores.masked_fill(mask[:, None], -1e9), dim=-1)
        return torch.bmm(weights, keys), weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, encoder_outputs, encoder_hidden, mask, length, target_tensor=None):
        decoder_input = torch.full((encoder_outputs.size(0), 1), SOS_token)
        hidden, outputs = encoder_hidden, []
        for i in range(length):
            embedded = self.dropout(self.embedding(decoder_input))
            context, _ = self.attention(hidden.permute(1, 0, 2), encoder_outputs, mask)
            output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
            output = self.out(output)
            outputs.append(output)
            decoder_input = target_tensor[:, i].unsqueeze(1) if target_tensor is not None else output.argmax(-1).detach()
        return F.log_softmax(torch.cat(outputs, dim=1), dim=-1)


class Seq2Seq(nn.Module):
    def __init__(self, n_in, n_out, hidden):
        super().__init__()
        self.encoder, self.decoder = EncoderRNN(n_in, hidden), AttnDecoderRNN(hidden, n_out)

    def forward(self, src, length, target=None):
        out, hidden = self.encoder(src)
        return self.decoder(out, hidden, src == PAD, length, target)


forms = ["%d %B %Y", "%B %d, %Y", "%a %d %b %Y", "%d/%m/%y"]
pairs = []
for _ in range(3000):
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=random.randrange(20000))
    pairs.append((day.strftime(random.choice(forms)).lower(), day.isoformat()))
src_lang, trg_lang = Lang(), Lang()
for s, t in pairs:
    src_lang.add(s)
    trg_lang.add(t)
n_src = max(len(s) for s, _ in pairs) + 1
X = torch.tensor([src_lang.encode(s, n_src) for s, _ in pairs])
Y = torch.tensor([trg_lang.encode(t, 11) for _, t in pairs])
train_dataloader = DataLoader(TensorDataset(X[:2500], Y[:2500]), batch_size=32, shuffle=True)
val_dataloader = DataLoader(TensorDataset(X[2500:], Y[2500:]), batch_size=250)

model = Seq2Seq(len(src_lang.index), len(trg_lang.index), 64)
optimizer = optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.NLLLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    for x, y in train_dataloader:
        optimizer.zero_grad()
        out = model(x, 11, y)
        loss = criterion(out.view(-1, out.size(-1)), y.view(-1))
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        for x, y in val_dataloader:
            out = model(x, 11, y)
            val = criterion(out.view(-1, out.size(-1)), y.view(-1)).item()
model.eval()
with torch.no_grad():
    exact = (model(X[2500:], 11).argmax(-1) == Y[2500:]).all(1).float().mean().item()
print(f"RESULT train {loss.item():.4f} val {val:.4f} exact match {exact:.3f}")
writer.close()

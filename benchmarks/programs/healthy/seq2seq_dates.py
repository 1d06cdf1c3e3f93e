"""Packed padded sequence-to-sequence with attention (bentrevett/pytorch-seq2seq no. 4): written dates -> ISO dates."""
import math, random, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

SEED = 1234
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)
torch.set_num_threads(1)
MONTHS = "january february march april may june july august september october november december".split()


def make(n, rs):
    out = []
    for _ in range(n):
        y, m, d = rs.randint(1950, 2030), rs.randint(1, 13), rs.randint(1, 29)
        mo = MONTHS[m - 1] if rs.rand() < 0.6 else MONTHS[m - 1][:3]
        src = [f"{d} {mo} {y}", f"{mo} {d}, {y}", f"{d}/{m:02d}/{y}", f"{mo} {d} {y}"][rs.randint(4)]
        out.append((src, f"{y}-{m:02d}-{d:02d}"))
    return out


rs = np.random.RandomState(0)
pairs = list(dict.fromkeys(make(2300, rs)))
valid_pairs, train_pairs = pairs[:300], pairs[300:]
PAD, SOS, EOS = 0, 1, 2
sv = {c: i + 3 for i, c in enumerate(sorted({c for s, _ in pairs for c in s}))}
tv = {c: i + 3 for i, c in enumerate("0123456789-")}


def batches(data, bs, shuffle):
    data = list(data)
    if shuffle: random.shuffle(data)
    for i in range(0, len(data), bs):
        b = sorted(data[i:i + bs], key=lambda p: -len(p[0]))
        src = [[SOS] + [sv[c] for c in s] + [EOS] for s, _ in b]
        trg = [[SOS] + [tv[c] for c in t] + [EOS] for _, t in b]
        ln = torch.tensor([len(s) for s in src])
        pad = lambda xs: torch.tensor([x + [PAD] * (max(map(len, xs)) - len(x)) for x in xs]).t()
        yield pad(src), ln, pad(trg)


class Encoder(nn.Module):
    def __init__(self, input_dim, emb_dim, enc_hid_dim, dec_hid_dim, dropout):
        super().__init__()
        self.embedding = nn.Embedding(input_dim, emb_dim)
        self.rnn = nn.GRU(emb_dim, enc_hid_dim, bidirectional=True)
        self.fc = nn.Linear(enc_hid_dim * 2, dec_hid_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, src, src_len):
        embedded = self.dropout(self.embedding(src))
        packed = nn.utils.rnn.pack_padded_sequence(embedded, src_len)
        outputs, hidden = self.rnn(packed)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs)
        return outputs, torch.tanh(self.fc(torch.cat((hidden[-2], hidden[-1]), dim=1)))


class Attention(nn.Module):
    def __init__(self, enc_hid_dim, dec_hid_dim):
        super().__init__()
        self.attn = nn.Linear(enc_hid_dim * 2 + dec_hid_dim, dec_hid_dim)
        self.v = nn.Linear(dec_hid_dim, 1, bias=False)

    def forward(self, hidden, enc, mask):
        h = hidden.unsqueeze(1).repeat(1, enc.shape[0], 1)
        enc = enc.permute(1, 0, 2)
        att = self.v(torch.tanh(self.attn(torch.cat((h, enc), dim=2)))).squeeze(2)
        return F.softmax(att.masked_fill(mask == 0, -1e10), dim=1)


class Decoder(nn.Module):
    def __init__(self, output_dim, emb_dim, enc_hid_dim, dec_hid_dim, dropout, attention):
        super().__init__()
        self.output_dim, self.attention = output_dim, attention
        self.embedding = nn.Embedding(output_dim, emb_dim)
        self.rnn = nn.GRU(enc_hid_dim * 2 + emb_dim, dec_hid_dim)
        self.fc_out = nn.Linear(enc_hid_dim * 2 + dec_hid_dim + emb_dim, output_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input, hidden, enc, mask):
        embedded = self.dropout(self.embedding(input.unsqueeze(0)))
        a = self.attention(hidden, enc, mask).unsqueeze(1)
        weighted = torch.bmm(a, enc.permute(1, 0, 2)).permute(1, 0, 2)
        output, hidden = self.rnn(torch.cat((embedded, weighted), dim=2), hidden.unsqueeze(0))
        return self.fc_out(torch.cat((output.squeeze(0), weighted.squeeze(0), embedded.squeeze(0)), dim=1)), hidden.squeeze(0)


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, src_pad_idx):
        super().__init__()
        self.encoder, self.decoder, self.src_pad_idx = encoder, decoder, src_pad_idx

    def forward(self, src, src_len, trg, teacher_forcing_ratio=0.5):
        outputs = torch.zeros(trg.shape[0], trg.shape[1], self.decoder.output_dim)
        enc, hidden = self.encoder(src, src_len)
        input, mask, outs = trg[0, :], (src != self.src_pad_idx).permute(1, 0), []
        for t in range(1, trg.shape[0]):
            output, hidden = self.decoder(input, hidden, enc, mask)
            outs.append(output)
            input = trg[t] if random.random() < teacher_forcing_ratio else output.argmax(1)
        return torch.cat([outputs[:1], torch.stack(outs)])


def init_weights(m):
    for name, param in m.named_parameters():
        if 'weight' in name:
            nn.init.normal_(param.data, mean=0, std=0.08)
        else:
            nn.init.constant_(param.data, 0)


ENC, HID = 20, 40
attn = Attention(HID, HID)
model = Seq2Seq(Encoder(len(sv) + 3, ENC, HID, HID, 0.1), Decoder(len(tv) + 3, ENC, HID, HID, 0.1, attn), PAD)
model.apply(init_weights)
optimizer = optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def train(model, data, optimizer, criterion, clip):
    model.train()
    epoch_loss = []
    for src, src_len, trg in batches(data, 64, True):
        optimizer.zero_grad()
        output = model(src, src_len, trg)
        output_dim = output.shape[-1]
        loss = criterion(output[1:].view(-1, output_dim), trg[1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        epoch_loss.append(loss.item())
    return np.mean(epoch_loss)


def evaluate(model, data, criterion):
    model.eval()
    epoch_loss, ok, n = [], 0, 0
    with torch.no_grad():
        for src, src_len, trg in batches(data, 64, False):
            output = model(src, src_len, trg, 0)
            epoch_loss.append(criterion(output[1:].view(-1, output.shape[-1]), trg[1:].reshape(-1)).item())
            p = output[1:].argmax(2)
            ok += ((p == trg[1:]) | (trg[1:] == PAD)).all(0).sum().item(); n += trg.shape[1]
    return np.mean(epoch_loss), ok / n


for epoch in range(9):
    train_loss = train(model, train_pairs, optimizer, criterion, 1)
    valid_loss, exact = evaluate(model, valid_pairs, criterion)
    print(f'Epoch: {epoch + 1:02} | Train Loss: {train_loss:.3f} | Train PPL: {math.exp(train_loss):7.3f} | Val. Loss: {valid_loss:.3f} | Val. PPL: {math.exp(valid_loss):7.3f} | exact {exact:.3f}')
writer.close()

# NLP from scratch: translation with a sequence to sequence network (numbers in words -> digits), two optimizers
import sys
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0); random.seed(0)
SOS, EOS = 0, 1
ones = "null eins zwei drei vier fuenf sechs sieben acht neun zehn elf zwoelf".split()
tens = "x x zwanzig dreissig vierzig fuenfzig sechzig siebzig achtzig neunzig".split()


def words(n):
    out = []
    if n >= 1000: out += [ones[n // 1000], "tausend"]; n %= 1000
    if n >= 100: out += [ones[n // 100], "hundert"]; n %= 100
    if n > 19 and n % 10: out += [ones[n % 10], "und", tens[n // 10]]
    elif n > 19: out.append(tens[n // 10])
    elif n > 12: out += [ones[n - 10], "zehn"]
    elif n > 0 or not out: out.append(ones[n])
    return out


lang = {w: i + 2 for i, w in enumerate(sorted(set(ones + tens + ["tausend", "hundert", "und"])))}
MAX_LENGTH = 9


def tensors(ns):
    x = torch.full((len(ns), MAX_LENGTH), EOS); y = torch.full((len(ns), 5), EOS)
    for j, n in enumerate(ns):
        w = [lang[t] for t in words(n)]
        x[j, :len(w)] = torch.tensor(w)
        d = [int(c) + 2 for c in str(n)]
        y[j, :len(d)] = torch.tensor(d)
    return x, y


numbers = random.sample(range(10000), 4000)
train_x, train_y = tensors(numbers[:3500])
val_x, val_y = tensors(numbers[3500:])


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)

    def forward(self, input):
        return self.gru(self.embedding(input))


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.Wa, self.Ua, self.Va = nn.Linear(hidden_size, hidden_size), nn.Linear(hidden_size, hidden_size), nn.Linear(hidden_size, 1)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)

    def forward(self, encoder_outputs, hidden, target):
        inp = torch.full((len(target), 1), SOS)
        outs = []
        for i in range(target.size(1)):
            q = hidden.transpose(0, 1)
            w = F.softmax(self.Va(torch.tanh(self.Wa(q) + self.Ua(encoder_outputs))).transpose(1, 2), -1)
            o, hidden = self.gru(torch.cat((self.embedding(inp), w @ encoder_outputs), 2), hidden)
            outs.append(self.out(o))
            inp = target[:, i:i + 1]                     # teacher forcing
        return F.log_softmax(torch.cat(outs, 1), dim=-1)


encoder, decoder = EncoderRNN(len(lang) + 2, 48), AttnDecoderRNN(48, 12)
encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.002)
decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.002)
criterion = nn.NLLLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(encoder, encoder_optimizer, name="encoder")
writer.watch(decoder, decoder_optimizer, criterion, name="decoder")
for epoch in range(12):
    encoder.train(); decoder.train()
    for idx in torch.randperm(3500).split(32):
        encoder_optimizer.zero_grad()
        if sys.argv[1] == "faulty":
            encoder_optimizer.zero_grad()
        else:
            decoder_optimizer.zero_grad()
        enc_out, enc_hidden = encoder(train_x[idx])
        dec_out = decoder(enc_out, enc_hidden, train_y[idx])
        loss = criterion(dec_out.view(-1, 12), train_y[idx].view(-1))
        loss.backward()
        encoder_optimizer.step()
        decoder_optimizer.step()
    with writer.evaluating("val"):
        enc_out, enc_hidden = encoder(val_x)
        dec_out = decoder(enc_out, enc_hidden, val_y)
        v = criterion(dec_out.view(-1, 12), val_y.view(-1)).item()
    exact = (dec_out.argmax(-1) == val_y).all(1).float().mean().item()
    print(f"{epoch} train {loss.item():.4f} val {v:.4f} exact {exact:.3f}")
writer.close()
print(f"RESULT val loss {v:.4f} exact {exact:.3f}")

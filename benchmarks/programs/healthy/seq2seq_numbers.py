"""English number words into French ones: GRU encoder, Bahdanau attention, GRU decoder fed with the truth,
dropout 0.1, two Adam optimizers, NLLLoss. Port of the PyTorch tutorial
intermediate_source/seq2seq_translation_tutorial.py."""
import random
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)
SOS_token, EOS_token, MAX_LENGTH = 0, 1, 10
hidden_size, batch_size = 64, 32

EN = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "x x twenty thirty forty fifty sixty seventy eighty ninety".split()
FR = "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf".split()
FTENS = "x x vingt trente quarante cinquante soixante".split()


def en(n):
    if n < 20:
        return [EN[n]]
    if n < 100:
        return [TENS[n // 10]] + ([EN[n % 10]] if n % 10 else [])
    if n < 1000:
        return [EN[n // 100], "hundred"] + (["and"] + en(n % 100) if n % 100 else [])
    return en(n // 1000) + ["thousand"] + (en(n % 1000) if n % 1000 else [])


def fr(n):
    if n < 20:
        return [FR[n]]
    if n < 70:
        r = n % 10
        return [FTENS[n // 10]] + (["et", "un"] if r == 1 else [FR[r]] if r else [])
    if n < 80:
        return ["soixante"] + (["et", "onze"] if n == 71 else fr(n - 60))
    if n < 100:
        return ["quatre", "vingt"] + (fr(n - 80) if n > 80 else [])
    if n < 1000:
        return ([FR[n // 100]] if n >= 200 else []) + ["cent"] + (fr(n % 100) if n % 100 else [])
    return (fr(n // 1000) if n >= 2000 else []) + ["mille"] + (fr(n % 1000) if n % 1000 else [])


nums = random.sample(range(1, 10000), 3400)
pairs = [(en(n), fr(n)) for n in nums]


class Lang:
    def __init__(self, sents):
        self.word2index = {"SOS": 0, "EOS": 1}
        for s in sents:
            for w in s:
                self.word2index.setdefault(w, len(self.word2index))
        self.n_words = len(self.word2index)


input_lang, output_lang = Lang([p[0] for p in pairs]), Lang([p[1] for p in pairs])
MAX_LENGTH = 1 + max(max(len(a), len(b)) for a, b in pairs)


def tensor(lang, sents):
    out = np.zeros((len(sents), MAX_LENGTH), dtype=np.int64)
    for i, s in enumerate(sents):
        ids = [lang.word2index[w] for w in s] + [EOS_token]
        out[i, :len(ids)] = ids
    return torch.from_numpy(out)


X, Y = tensor(input_lang, [p[0] for p in pairs]), tensor(output_lang, [p[1] for p in pairs])
train_dataloader = DataLoader(TensorDataset(X[:3000], Y[:3000]), batch_size=batch_size, shuffle=True)
test_x, test_y = X[3000:], Y[3000:]


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
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

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys))).squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        decoder_input = torch.full((encoder_outputs.size(0), 1), SOS_token)
        hidden, outs = encoder_hidden, []
        for i in range(MAX_LENGTH):
            embedded = self.dropout(self.embedding(decoder_input))
            context, _ = self.attention(hidden.permute(1, 0, 2), encoder_outputs)
            output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
            output = self.out(output)
            outs.append(output)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)   # teacher forcing
            else:
                decoder_input = output.argmax(-1).detach()
        return F.log_softmax(torch.cat(outs, dim=1), dim=-1)


encoder = EncoderRNN(input_lang.n_words, hidden_size)
decoder = AttnDecoderRNN(hidden_size, output_lang.n_words)
encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.001)
decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.001)
criterion = nn.NLLLoss(ignore_index=0)
writer = DiagWriter(sys.argv[1])
writer.watch(encoder, encoder_optimizer, name="encoder")
writer.watch(decoder, decoder_optimizer, criterion, name="decoder")

for epoch in range(1, 13):
    encoder.train()
    decoder.train()
    total = 0
    for x, y in train_dataloader:
        encoder_optimizer.zero_grad()
        decoder_optimizer.zero_grad()
        enc, hid = encoder(x)
        out = decoder(enc, hid, y)
        loss = criterion(out.view(-1, out.size(-1)), y.view(-1))
        loss.backward()
        encoder_optimizer.step()
        decoder_optimizer.step()
        total += loss.item()
    encoder.eval()
    decoder.eval()
    with torch.no_grad():
        pred = decoder(*encoder(test_x)).argmax(-1)
        m = test_y != 0
        right = ((pred == test_y) | ~m).all(1).float().mean().item()
    print(f"({epoch} {epoch * 100 // 12}%) {total / len(train_dataloader):.4f}  test numbers wholly right {right:.3f}")
writer.close()

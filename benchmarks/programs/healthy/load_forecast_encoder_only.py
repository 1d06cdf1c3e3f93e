# Transformer (encoder only) for time series, student version of oliverguhr/transformer-time-series-prediction:
# sine positional encoding, causal mask, one step ahead at every position, AdamW, StepLR gamma .95 every epoch
import sys, math, time
import torch
import torch.nn as nn
import numpy as np
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

input_window = 48
batch_size = 32

class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=500):
        super(PositionalEncoding, self).__init__()
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len, dtype=torch.float).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer('pe', pe.unsqueeze(1))

    def forward(self, x):
        return x + self.pe[:x.size(0), :]


class TransAm(nn.Module):
    def __init__(self, feature_size=32, num_layers=1, dropout=0.1):
        super(TransAm, self).__init__()
        self.inp = nn.Linear(3, feature_size)
        self.pos_encoder = PositionalEncoding(feature_size)
        self.encoder_layer = nn.TransformerEncoderLayer(d_model=feature_size, nhead=4, dim_feedforward=64, dropout=dropout)
        self.transformer_encoder = nn.TransformerEncoder(self.encoder_layer, num_layers=num_layers)
        self.decoder = nn.Linear(feature_size, 1)
        self.src_mask = nn.Transformer.generate_square_subsequent_mask(input_window)

    def forward(self, src):
        src = self.pos_encoder(self.inp(src))
        return self.decoder(self.transformer_encoder(src, self.src_mask))


def get_data():
    n = 24 * 170
    t = np.arange(n)
    day = t // 24 % 7
    temp = np.zeros(n)
    for i in range(1, n):
        temp[i] = .98 * temp[i - 1] + np.random.normal(0, .2)
    load = (np.sin(2 * np.pi * (t - 8) / 24) + .4 * np.sin(4 * np.pi * (t - 3) / 24)) * np.where(day < 5, 1, .6) - .5 * (day >= 5)
    ar = np.zeros(n)
    for i in range(1, n):
        ar[i] = .8 * ar[i - 1] + np.random.normal(0, .12)
    load = load - .4 * temp + ar
    load = (load - load[:3000].mean()) / load[:3000].std()
    f = np.stack([load, np.sin(2 * np.pi * t / 24), np.cos(2 * np.pi * t / 24)], 1).astype('float32')
    def seq(a):
        return torch.tensor(np.stack([a[i:i + input_window + 1] for i in range(0, len(a) - input_window - 1, 3)])).transpose(0, 1)
    return seq(f[:3000]), seq(f[3000:])


train_data, val_data = get_data()
print(train_data.shape, val_data.shape)
model = TransAm()
criterion = nn.MSELoss()
lr = 0.003
optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.9)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

def train():
    model.train()
    total_loss = 0.
    perm = torch.randperm(train_data.size(1))
    batches = perm.split(batch_size)
    for b in batches:
        d = train_data[:, b]
        data, targets = d[:-1], d[1:, :, :1]
        optimizer.zero_grad()
        output = model(data)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.7)
        optimizer.step()
        total_loss += loss.item()
    return total_loss / len(batches)

def evaluate(eval_model, data_source):
    eval_model.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            return criterion(eval_model(data_source[:-1]), data_source[1:, :, :1]).item()

epochs = 20
for epoch in range(1, epochs + 1):
    start = time.time()
    tl = train()
    val_loss = evaluate(model, val_data)
    print('| end of epoch {:3d} | time: {:5.2f}s | train loss {:5.5f} | valid loss {:5.5f}'.format(epoch, time.time() - start, tl, val_loss))
    scheduler.step()
writer.close()
persist = ((val_data[1:, :, 0] - val_data[:-1, :, 0]) ** 2).mean().item()
print(f"RESULT train={tl:.4f} val={val_loss:.4f} persistence={persist:.4f}")

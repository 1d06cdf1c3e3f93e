"""The Annotated Transformer's first example: a copy task with label smoothing (KLDivLoss) and the Noam schedule."""
import copy
import math
import sys

import torch
import torch.nn as nn
from torch.nn.functional import log_softmax
from torch.optim.lr_scheduler import LambdaLR
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout, max_len=100):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * -(math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe.unsqueeze(0))

    def forward(self, x):
        return self.dropout(x + self.pe[:, : x.size(1)])


class Embeddings(nn.Module):
    def __init__(self, d_model, vocab):
        super().__init__()
        self.lut = nn.Embedding(vocab, d_model)
        self.d_model = d_model

    def forward(self, x):
        return self.lut(x) * math.sqrt(self.d_model)


class Generator(nn.Module):
    "Define standard linear + softmax generation step."
    def __init__(self, d_model, vocab):
        super().__init__()
        self.proj = nn.Linear(d_model, vocab)

    def forward(self, x):
        return log_softmax(self.proj(x), dim=-1)


class EncoderDecoder(nn.Module):
    def __init__(self, vocab, N=2, d_model=64, d_ff=128, h=4, dropout=0.1):
        super().__init__()
        self.src_embed = nn.Sequential(Embeddings(d_model, vocab), PositionalEncoding(d_model, dropout))
        self.tgt_embed = nn.Sequential(Embeddings(d_model, vocab), PositionalEncoding(d_model, dropout))
        self.core = nn.Transformer(d_model, h, N, N, d_ff, dropout, batch_first=True, norm_first=True)
        self.generator = Generator(d_model, vocab)

    def forward(self, src, tgt):
        mask = nn.Transformer.generate_square_subsequent_mask(tgt.size(1))
        return self.core(self.src_embed(src), self.tgt_embed(tgt), tgt_mask=mask, tgt_is_causal=True)


def make_model(vocab):
    model = EncoderDecoder(vocab)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)
    return model


def rate(step, model_size, factor, warmup):
    if step == 0:
        step = 1
    return factor * (model_size ** (-0.5) * min(step ** (-0.5), step * warmup ** (-1.5)))


class LabelSmoothing(nn.Module):
    "Implement label smoothing."
    def __init__(self, size, padding_idx, smoothing=0.0):
        super().__init__()
        self.criterion = nn.KLDivLoss(reduction="sum")
        self.padding_idx = padding_idx
        self.confidence = 1.0 - smoothing
        self.smoothing = smoothing
        self.size = size

    def forward(self, x, target):
        true_dist = x.data.clone()
        true_dist.fill_(self.smoothing / (self.size - 2))
        true_dist.scatter_(1, target.data.unsqueeze(1), self.confidence)
        true_dist[:, self.padding_idx] = 0
        return self.criterion(x, true_dist.clone().detach())


class SimpleLossCompute:
    def __init__(self, generator, criterion):
        self.generator = generator
        self.criterion = criterion

    def __call__(self, x, y, norm):
        x = self.generator(x)
        sloss = self.criterion(x.contiguous().view(-1, x.size(-1)), y.contiguous().view(-1)) / norm
        return sloss.data * norm, sloss


def data_gen(V, batch_size, nbatches):
    "Generate random data for a src-tgt copy task."
    for i in range(nbatches):
        data = torch.randint(1, V, size=(batch_size, 10))
        data[:, 0] = 1
        src, tgt = data.clone(), data.clone()
        yield src, tgt[:, :-1], tgt[:, 1:], tgt[:, 1:].numel()


def run_epoch(data_iter, model, loss_compute, optimizer=None, scheduler=None):
    total_tokens, total_loss = 0, 0
    for src, tgt, tgt_y, ntokens in data_iter:
        out = model(src, tgt)
        loss, loss_node = loss_compute(out, tgt_y, ntokens)
        if optimizer is not None:
            loss_node.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            scheduler.step()
        total_loss += loss
        total_tokens += ntokens
    return (total_loss / total_tokens).item()


V = 11
batch_size = 80
criterion = LabelSmoothing(size=V, padding_idx=0, smoothing=0.0)
model = make_model(V)
optimizer = torch.optim.Adam(model.parameters(), lr=0.5, betas=(0.9, 0.98), eps=1e-9)
lr_scheduler = LambdaLR(optimizer=optimizer, lr_lambda=lambda step: rate(step, model_size=64, factor=1.0, warmup=400))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

for epoch in range(28):
    model.train()
    tr = run_epoch(data_gen(V, batch_size, 20), model, SimpleLossCompute(model.generator, criterion), optimizer, lr_scheduler)
    model.eval()
    with torch.no_grad():
        va = run_epoch(data_gen(V, batch_size, 5), model, SimpleLossCompute(model.generator, criterion))
    writer.add_loss("val", va)
    if epoch % 4 == 3:
        print(epoch, "train per token %.4f" % tr, "eval %.4f" % va)


def greedy_decode(model, src, max_len, start_symbol):
    ys = torch.full((len(src), 1), start_symbol)
    for i in range(max_len - 1):
        prob = model.generator(model(src, ys)[:, -1])
        ys = torch.cat([ys, prob.argmax(1, keepdim=True)], dim=1)
    return ys


writer.close()
src, *_ = next(data_gen(V, 200, 1))
with torch.no_grad():
    acc = (greedy_decode(model, src, 10, 1) == src).float().mean().item()
print(f"RESULT train {tr:.4f} eval {va:.4f} greedy copy accuracy {acc:.3f}")

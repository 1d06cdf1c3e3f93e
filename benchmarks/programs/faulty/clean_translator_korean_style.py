"""A small encoder-decoder transformer, written from scratch, on a toy translation corpus."""
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
form, logdir = sys.argv[1:3]
torch.manual_seed(318)

config = {
    "hidden_size": 64,
    "heads": 4,
    "depth": 1,
    "ffn": 128,
    "max_length": 9,
    "lr": 0.003,
    "batch_size": 3 if form == "faulty" else 128,
    "steps": 600,
}
PAD, BOS, EOS, WORDS = 0, 1, 2, 24


def corpus(n, seed):
    """subject-object-verb sentences into subject-verb-object ones, word by word."""
    g = torch.Generator().manual_seed(seed)
    table = torch.randperm(WORDS, generator=torch.Generator().manual_seed(0)) + 3
    src, tgt = [], []
    for _ in range(n):
        k = int(torch.randint(3, 8, (1,), generator=g))
        words = torch.randint(0, WORDS, (k,), generator=g)
        moved = torch.cat([words[:1], words[-1:], words[1:-1]])
        pad = [PAD] * (config["max_length"] - k - 1)
        src.append((words + 3).tolist() + [EOS] + pad)
        tgt.append([BOS] + table[moved].tolist() + [EOS] + pad)
    return TensorDataset(torch.tensor(src), torch.tensor(tgt))


class Transformer(nn.Module):
    def __init__(self, hidden_size, heads, depth, ffn, max_length):
        super().__init__()
        self.tokens = nn.Embedding(WORDS + 3, hidden_size, padding_idx=PAD)
        self.positions = nn.Parameter(torch.randn(max_length, hidden_size) * 0.1)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(hidden_size, heads, ffn, 0.0, batch_first=True), depth, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(hidden_size, heads, ffn, 0.0, batch_first=True), depth)
        self.to_vocab = nn.Linear(hidden_size, WORDS + 3)

    def embed(self, ids):
        return self.tokens(ids) + self.positions[:ids.shape[1]]

    def forward(self, src, tgt):
        hidden = self.encoder(self.embed(src), src_key_padding_mask=src == PAD)
        mask = nn.Transformer.generate_square_subsequent_mask(tgt.shape[1])
        out = self.decoder(self.embed(tgt), hidden, tgt_mask=mask, memory_key_padding_mask=src == PAD)
        return self.to_vocab(out)


def step(model, src, tgt):
    logits = model(src, tgt[:, :-1])
    gold = tgt[:, 1:]
    loss = F.cross_entropy(logits.flatten(0, 1), gold.flatten(), ignore_index=PAD)
    right = ((logits.argmax(-1) == gold) | (gold == PAD)).all(1).float().mean().item()
    return loss, right


loader = DataLoader(corpus(12000, 1), batch_size=config["batch_size"], shuffle=True)
val_src, val_tgt = corpus(400, 2).tensors
model = Transformer(*(config[k] for k in ("hidden_size", "heads", "depth", "ffn", "max_length")))
optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

done = 0
while done < config["steps"]:
    for src, tgt in loader:
        model.train()
        loss, _ = step(model, src, tgt)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        done += 1
        if done % 60 == 0:
            model.eval()
            with torch.no_grad():
                val_loss, exact = step(model, val_src, val_tgt)
                writer.add_loss("val", val_loss)
            print(f"step {done} loss {loss.item():.4f} val {val_loss.item():.4f} exact {exact:.3f}")
        if done == config["steps"]:
            break

writer.close()
print(f"RESULT val_loss {val_loss.item():.4f} exact_sentences {exact:.4f}")

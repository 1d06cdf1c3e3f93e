"""Sentence classification with a BERT-like encoder; prints the pooled output of a few sentences at the end."""
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)

learning_rate = 0.01 if form == "faulty" else 5e-4

POS = ["good", "great", "lovely", "fine", "superb", "fun"]
NEG = ["bad", "awful", "dull", "poor", "boring", "sad"]
NEUTRAL = ["film", "plot", "actor", "scene", "music", "story", "end", "cast", "was", "is", "really", "quite", "a", "the", "and"]
SPECIAL = ["[PAD]", "[CLS]", "not", "but"]
word2id = {w: i for i, w in enumerate(SPECIAL + POS + NEG + NEUTRAL)}


def review(rng, length=16):
    """The judgement after the last 'but' counts; 'not' turns the next opinion word round."""
    parts, label = [], 0
    for part in range(rng.integers(1, 3)):
        words = rng.choice(NEUTRAL, rng.integers(2, 5)).tolist()
        good = rng.random() < .5
        negated = rng.random() < .4
        words += (["not"] if negated else []) + [rng.choice(POS if good else NEG)]
        label = int(good != negated)
        parts.append(words)
    text = ["[CLS]"] + [w for i, p in enumerate(parts) for w in (["but"] if i else []) + p]
    return [word2id[w] for w in text] + [0] * (length - len(text)), label


def make(n, seed):
    rng = np.random.default_rng(seed)
    data = [review(rng) for _ in range(n)]
    return TensorDataset(torch.tensor([d[0] for d in data]), torch.tensor([d[1] for d in data]))


class BertForSequenceClassification(nn.Module):
    def __init__(self, vocab, hidden=48, layers=3, heads=4, num_labels=2, max_len=16):
        super().__init__()
        self.word_embeddings, self.position_embeddings = nn.Embedding(vocab, hidden, padding_idx=0), nn.Embedding(max_len, hidden)
        self.LayerNorm, self.dropout = nn.LayerNorm(hidden), nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(hidden, heads, 2 * hidden, 0.1, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.pooler, self.classifier = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh()), nn.Linear(hidden, num_labels)
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                m.weight.data.normal_(0, 0.02 if isinstance(m, nn.Embedding) else 0.08)

    def forward(self, input_ids):
        x = self.word_embeddings(input_ids) + self.position_embeddings(torch.arange(input_ids.shape[1]))
        x = self.encoder(self.dropout(self.LayerNorm(x)), src_key_padding_mask=input_ids == 0)
        pooled = self.pooler(x[:, 0])
        return self.classifier(self.dropout(pooled)), pooled


model = BertForSequenceClassification(len(word2id))
train_loader, eval_set = DataLoader(make(2000, 0), 50, shuffle=True), make(500, 1)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
EPOCHS = 12
total = EPOCHS * len(train_loader)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / (0.1 * total), max(0.0, (total - s) / (0.9 * total))))
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(EPOCHS):
    model.train()
    tr_loss = 0
    for input_ids, labels in train_loader:
        model.zero_grad()
        logits, _ = model(input_ids)
        loss = criterion(logits, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        tr_loss += loss.item() / len(train_loader)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits, pooled = model(eval_set.tensors[0])
        eval_loss = criterion(logits, eval_set.tensors[1]).item()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} loss {tr_loss:.4f} eval loss {eval_loss:.4f} acc {(logits.argmax(1) == eval_set.tensors[1]).float().mean():.3f}")
print("pooled output spread over sentences:", pooled.std(0).mean().item())
writer.close()

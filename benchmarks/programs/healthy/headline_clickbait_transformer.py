import math, random, sys
import torch
import torch.nn as nn
from collections import Counter
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

# Clickbait or news? A small transformer encoder over headlines, trained from scratch.
torch.set_num_threads(1)
random.seed(4); torch.manual_seed(4)

TOPIC = ("budget election court storm vaccine market minister school airport police union bank museum league film "
         "river harvest railway hospital startup summit strike census wildfire satellite").split()
VERB_N = "approves delays rejects reports opens cuts warns reviews raises confirms closes plans".split()
VERB_C = "try eat know buy see need love regret share watch miss do".split()
PLACE = "berlin ohio kenya lisbon texas delhi oslo chile quebec cairo".split()
THING = "tricks photos facts cats gifts recipes secrets celebrities moments habits dresses dogs".split()
ADJ = "hilarious adorable shocking perfect weird genius cheap simple".split()
NUM = [str(i) for i in range(5, 31)]
W = random.choice


def headline(label):
    if label == 0:
        forms = [f"{W(PLACE)} {W(TOPIC)} {W(VERB_N)} new {W(TOPIC)} plan", f"{W(TOPIC)} {W(VERB_N)} {NUM[random.randrange(26)]} {W(TOPIC)} jobs in {W(PLACE)}",
                 f"{W(TOPIC)} and {W(TOPIC)} talks {W(['fail', 'resume', 'end'])} after {W(TOPIC)} {W(['row', 'vote', 'report'])}",
                 f"how {W(PLACE)} {W(TOPIC)} {W(VERB_N)} the {W(TOPIC)} {W(['crisis', 'boom', 'gap'])}", f"{W(NUM)} {W(['dead', 'hurt', 'held'])} as {W(TOPIC)} hits {W(PLACE)}",
                 f"what the {W(TOPIC)} {W(['vote', 'report', 'deal'])} means for {W(PLACE)}"]
    else:
        forms = [f"{W(NUM)} {W(ADJ)} {W(THING)} you {W(['will', 'must', 'should'])} {W(VERB_C)}", f"this {W(ADJ)} {W(TOPIC)} {W(['test', 'quiz', 'game'])} knows what you {W(VERB_C)}",
                 f"how {W(ADJ)} are these {W(THING)} from {W(PLACE)}", f"what this {W(PLACE)} {W(['mom', 'nurse', 'student'])} did after the {W(TOPIC)} is {W(ADJ)}",
                 f"{W(NUM)} {W(TOPIC)} {W(THING)} people in {W(PLACE)} {W(VERB_C)}", f"only {W(NUM)} of you {W(VERB_C)} these {W(TOPIC)} {W(THING)}"]
    words = W(forms).split()
    # editors cross the styles
    words = [W(TOPIC + THING + ADJ + VERB_N + VERB_C) if random.random() < .22 else w for w in words]
    if random.random() < .2:
        words = words[:random.randint(3, 4)]
    if random.random() < .07:
        label = 1 - label
    return words, label


data = [headline(random.randint(0, 1)) for _ in range(5000)]
train_data, val_data = data[:4200], data[4200:]
counter = Counter(w for words, _ in train_data for w in words)
itos = ["<pad>", "<unk>"] + [w for w, c in counter.most_common() if c > 1]
vocab = {w: i for i, w in enumerate(itos)}


def collate(batch):
    ids = [torch.tensor([vocab.get(w, 1) for w in words]) for words, _ in batch]
    return pad_sequence(ids, batch_first=True), torch.tensor([float(l) for _, l in batch])


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.1, max_len=32):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(1, max_len, d_model)
        pe[0, :, 0::2] = torch.sin(position * div_term)
        pe[0, :, 1::2] = torch.cos(position * div_term)
        self.register_buffer('pe', pe)

    def forward(self, x):
        return self.dropout(x + self.pe[:, :x.size(1)])


class HeadlineTransformer(nn.Module):
    def __init__(self, ntoken, d_model=32, nhead=4, d_hid=64, nlayers=2, dropout=0.2):
        super().__init__()
        self.d_model = d_model
        self.embedding = nn.Embedding(ntoken, d_model, padding_idx=0)
        self.pos_encoder = PositionalEncoding(d_model, dropout)
        layer = nn.TransformerEncoderLayer(d_model, nhead, d_hid, dropout, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, nlayers, enable_nested_tensor=False)
        self.decoder = nn.Linear(d_model, 1)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)

    def forward(self, src):
        mask = src == 0
        x = self.pos_encoder(self.embedding(src) * math.sqrt(self.d_model))
        x = self.transformer_encoder(x, src_key_padding_mask=mask)
        x = x.masked_fill(mask.unsqueeze(-1), 0.).sum(1) / (~mask).sum(1, keepdim=True)
        return self.decoder(x).squeeze(-1)


train_loader = DataLoader(train_data, batch_size=64, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_data, batch_size=200, collate_fn=collate)
model = HeadlineTransformer(len(itos))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
EPOCHS = 5
total_steps = EPOCHS * len(train_loader)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / 30, max(0.0, (total_steps - s) / (total_steps - 30))))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(1, EPOCHS + 1):
    model.train()
    tot = 0.
    for text, label in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(text), label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        scheduler.step()
        tot += loss.item()
    model.eval()
    vl, acc = 0., 0
    with torch.no_grad(), writer.evaluating("val"):
        for text, label in val_loader:
            out = model(text)
            vl += criterion(out, label).item() * len(label)
            acc += ((out > 0) == (label > .5)).sum().item()
    print('-' * 60)
    print(f'| end of epoch {epoch:2d} | train loss {tot / len(train_loader):.4f} | valid loss {vl / len(val_data):.4f} | valid acc {acc / len(val_data):.3f}')
writer.close()
print(f"RESULT train {tot / len(train_loader):.4f} val_loss {vl / len(val_data):.4f} val_acc {acc / len(val_data):.4f}")

# OpenVaccine: simple GRU model (PyTorch port of the Keras starter), toy RNA generated below
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

SEED = 2020
torch.manual_seed(SEED); np.random.seed(SEED); torch.set_num_threads(1)

target_cols = ['reactivity', 'deg_Mg_pH10', 'deg_Mg_50C']
token2int = {x: i for i, x in enumerate('().ACGUBEHIMSX')}
SEQ_LEN, SCORED = 40, 28
PAIR = {'A': 'U', 'U': 'A', 'G': 'C', 'C': 'G'}


def make_rna():
    seq, struct, loop = [''] * SEQ_LEN, ['.'] * SEQ_LEN, ['E'] * SEQ_LEN
    for i in range(SEQ_LEN):
        seq[i] = np.random.choice(list('ACGU'), p=[.4, .18, .23, .19])
    i = np.random.randint(2, 6)
    while i < SEQ_LEN - 14:
        stem, hp = np.random.randint(3, 7), np.random.randint(3, 6)
        if i + 2 * stem + hp >= SEQ_LEN:
            break
        for k in range(stem):
            a, b = i + k, i + 2 * stem + hp - 1 - k
            struct[a], struct[b] = '(', ')'
            loop[a] = loop[b] = 'S'
            seq[a] = np.random.choice(list('GCAU'), p=[.35, .35, .15, .15]); seq[b] = PAIR[seq[a]]
        for k in range(hp):
            loop[i + stem + k] = 'H'
        gap = np.random.randint(1, 7)
        for k in range(i + 2 * stem + hp, min(SEQ_LEN, i + 2 * stem + hp + gap)):
            loop[k] = 'X'
        i += 2 * stem + hp + gap
    base = {'A': .75, 'G': .65, 'C': .3, 'U': .35}
    y = np.zeros((SEQ_LEN, 3))
    for j in range(SEQ_LEN):
        open_ = struct[j] == '.'
        edge = 0 if open_ else sum(struct[q] == '.' for q in (max(j - 1, 0), min(j + 1, SEQ_LEN - 1)))
        nxt = seq[min(j + 1, SEQ_LEN - 1)]
        r = base[seq[j]] * (1 if open_ else .12 + .12 * edge) * (1.3 if loop[j] == 'H' else 1)
        y[j] = [r, r * (1.3 if nxt == 'A' else .8), .15 + .8 * r * (1.2 if seq[j] == 'G' else .9)]
    y = y * np.exp(np.random.normal(0, .35, y.shape)) + np.random.normal(0, .08, y.shape)     # measurement error
    return dict(sequence=''.join(seq), structure=''.join(struct), predicted_loop_type=''.join(loop), **{c: y[:SCORED, k] for k, c in enumerate(target_cols)})


train = pd.DataFrame([make_rna() for _ in range(800)])


def preprocess_inputs(df, cols=['sequence', 'structure', 'predicted_loop_type']):
    return np.transpose(np.array(df[cols].applymap(lambda seq: [token2int[x] for x in seq]).values.tolist())
                        if hasattr(df, 'applymap') else
                        np.array(df[cols].map(lambda seq: [token2int[x] for x in seq]).values.tolist()), (0, 2, 1))


train_inputs = preprocess_inputs(train)
train_labels = np.array(train[target_cols].values.tolist()).transpose((0, 2, 1)).astype(np.float32)
x_train, x_val, y_train, y_val = train_test_split(train_inputs, train_labels, test_size=.2, random_state=34)


class MCRMSELoss(nn.Module):
    def __init__(self, num_scored=3):
        super().__init__()
        self.num_scored = num_scored

    def forward(self, yhat, y):
        colwise_mse = ((yhat - y) ** 2).mean(dim=1)          # over the positions of one molecule
        return torch.sqrt(colwise_mse + 1e-8).mean(dim=1).mean()


class GRUModel(nn.Module):
    def __init__(self, pred_len=SCORED, dropout=0.2, embed_dim=12, hidden_dim=24):
        super().__init__()
        self.pred_len = pred_len
        self.embeding = nn.Embedding(len(token2int), embed_dim)
        self.drop = nn.Dropout2d(dropout)
        self.gru = nn.GRU(embed_dim * 3, hidden_dim, num_layers=2, dropout=dropout, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(hidden_dim * 2, 3)

    def forward(self, seqs):
        embed = self.embeding(seqs)
        reshaped = torch.reshape(embed, (-1, embed.shape[1], embed.shape[2] * embed.shape[3]))
        reshaped = self.drop(reshaped.transpose(1, 2).unsqueeze(-1)).squeeze(-1).transpose(1, 2)   # SpatialDropout1D
        output, hidden = self.gru(reshaped)
        return self.linear(output[:, :self.pred_len])


train_dl = DataLoader(TensorDataset(torch.tensor(x_train), torch.tensor(y_train)), 32, shuffle=True)
val_dl = DataLoader(TensorDataset(torch.tensor(x_val), torch.tensor(y_val)), 64)
model = GRUModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2, factor=.3)
criterion = MCRMSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(14):
    model.train()
    tl = []
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        tl.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl = np.mean([criterion(model(x), y).item() for x, y in val_dl])
    scheduler.step(vl)
    print(f"epoch {epoch} train MCRMSE {np.mean(tl):.4f} val MCRMSE {vl:.4f}")
writer.close()
print(f"RESULT val_mcrmse={vl:.4f} label_std={train_labels.std((0, 1)).mean():.3f}")

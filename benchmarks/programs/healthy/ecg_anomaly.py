# LSTM autoencoder for anomaly detection in heart beats: trained on normal beats only, L1 loss summed over the beat,
# batch of... one beat each was in the original notebook; here 16 (after curiousily, "Time Series Anomaly Detection using LSTM Autoencoders")
import copy
import sys
import numpy as np
import torch
from torch import nn, optim
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

np.random.seed(42)
torch.manual_seed(42)
SEQ = 36


def beats(n, kind):
    t = np.linspace(0, 1, SEQ)
    g = lambda m, w, a: a * np.exp(-(t - m) ** 2 / (2 * w ** 2))
    out = []
    for _ in range(n):
        u = lambda lo, hi: np.random.uniform(lo, hi)
        s = u(-.03, .03)
        if kind == 'normal':
            b = g(.2 + s, .03, u(.2, .3)) + g(.42 + s, .022, u(1.7, 2.1)) - g(.48 + s, .02, u(.4, .6)) + g(.7 + s, .06, u(.4, .6))
        else:  # ventricular beat: no P wave, wide, deep
            b = g(.4 + s, .07, u(1., 1.6)) - g(.6 + s, .08, u(.5, .9))
        out.append(b + np.random.normal(0, .05, SEQ))
    x = np.array(out, dtype='float32')
    return torch.from_numpy(x - x.mean(1, keepdims=True)).unsqueeze(2)


class Encoder(nn.Module):
    def __init__(self, n_features, embedding_dim):
        super().__init__()
        self.rnn1 = nn.LSTM(n_features, 2 * embedding_dim, batch_first=True)
        self.rnn2 = nn.LSTM(2 * embedding_dim, embedding_dim, batch_first=True)

    def forward(self, x):
        x, _ = self.rnn1(x)
        _, (h, _) = self.rnn2(x)
        return h[-1]


class Decoder(nn.Module):
    def __init__(self, seq_len, input_dim, n_features):
        super().__init__()
        self.seq_len = seq_len
        self.rnn1 = nn.LSTM(input_dim, input_dim, batch_first=True)
        self.rnn2 = nn.LSTM(input_dim, 2 * input_dim, batch_first=True)
        self.output_layer = nn.Linear(2 * input_dim, n_features)

    def forward(self, z):
        x = z.unsqueeze(1).repeat(1, self.seq_len, 1)
        x, _ = self.rnn1(x)
        x, _ = self.rnn2(x)
        return self.output_layer(x)


class RecurrentAutoencoder(nn.Module):
    def __init__(self, seq_len, n_features, embedding_dim=16):
        super().__init__()
        self.encoder = Encoder(n_features, embedding_dim)
        self.decoder = Decoder(seq_len, embedding_dim, n_features)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def train_model(model, train_dataset, val_dataset, n_epochs, writer):
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    scheduler = optim.lr_scheduler.MultiStepLR(optimizer, [14, 18], 0.3)
    criterion = nn.L1Loss(reduction='sum')
    writer.watch(model, optimizer, criterion)
    best_loss, best = 1e9, None
    for epoch in range(1, n_epochs + 1):
        model.train()
        train_losses = []
        perm = torch.randperm(len(train_dataset))
        for i in range(0, len(perm), 16):
            seq_true = train_dataset[perm[i:i + 16]]
            optimizer.zero_grad()
            loss = criterion(model(seq_true), seq_true) / len(seq_true)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            train_losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            val_loss = criterion(model(val_dataset), val_dataset).item() / len(val_dataset)
        if val_loss < best_loss:
            best_loss, best = val_loss, copy.deepcopy(model.state_dict())
        if epoch % 3 == 0 or epoch == n_epochs:
            print(f'Epoch {epoch}: train loss {np.mean(train_losses):.4f} val loss {val_loss:.4f}')
    model.load_state_dict(best)
    return model.eval()


if __name__ == '__main__':
    train, val = beats(800, 'normal'), beats(160, 'normal')
    test_n, test_a = beats(150, 'normal'), beats(60, 'pvc')
    model = train_model(RecurrentAutoencoder(SEQ, 1), train, val, 22, DiagWriter(sys.argv[1]))
    with torch.no_grad():
        err = [(model(x) - x).abs().sum((1, 2)) for x in (test_n, test_a)]
    print('reconstruction error normal %.2f anomalous %.2f AUC %.4f' % (
        err[0].mean(), err[1].mean(), roc_auc_score(np.r_[np.zeros(150), np.ones(60)], torch.cat(err))))

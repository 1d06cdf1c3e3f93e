"""11-785 HW1P2: frame-level phoneme recognition with an MLP over context windows. My starter-notebook solution;
the corpus is replaced with synthetic utterances (20 phonemes, 15 mel coefficients, co-articulation)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
config = {'epochs': 6, 'batch_size': 256, 'context': 6, 'init_lr': 1e-3, 'seed': 11785}
torch.manual_seed(config['seed'])
np.random.seed(config['seed'])
N_PHON, N_MEL = 20, 15

proto = np.random.randn(N_PHON, N_MEL) * 0.9
move = np.random.randn(N_PHON, N_MEL) * 0.6
bigram = np.random.dirichlet(np.ones(N_PHON) * .25, size=N_PHON)


def utterance():
    phons, p = [], np.random.randint(N_PHON)
    T = np.random.randint(80, 160)
    while len(phons) < T:
        dur = 2 + np.random.poisson(4)
        phons += [(p, k / dur) for k in range(dur)]
        p = np.random.choice(N_PHON, p=bigram[p])
    phons = phons[:T]
    lab = np.array([q for q, _ in phons])
    x = np.stack([proto[q] + move[q] * (f - .5) for q, f in phons])
    x = np.stack([np.convolve(x[:, j], [.15, .2, .3, .2, .15], 'same') for j in range(N_MEL)], 1)   # co-articulation
    spk = np.random.randn(N_MEL) * .4
    return (x + spk + np.random.randn(*x.shape) * 1.5).astype(np.float32) * 4 - 11, lab


class AudioDataset(torch.utils.data.Dataset):
    def __init__(self, n_utt, context):
        self.context = context
        self.mfccs, self.transcripts = [], []
        for _ in range(n_utt):
            m, t = utterance()
            # cepstral mean and variance normalisation per utterance
            m = (m - m.mean(0)) / (m.std(0) + 1e-8)
            self.mfccs.append(m)
            self.transcripts.append(t)
        self.mfccs = np.concatenate(self.mfccs)
        self.transcripts = np.concatenate(self.transcripts)
        self.length = len(self.mfccs)
        self.mfccs = np.pad(self.mfccs, ((context, context), (0, 0)))

    def __len__(self):
        return self.length

    def __getitem__(self, ind):
        frames = self.mfccs[ind:ind + 2 * self.context + 1].flatten()
        return torch.from_numpy(frames), self.transcripts[ind]


class Network(torch.nn.Module):
    def __init__(self, input_size, output_size):
        super(Network, self).__init__()
        self.model = torch.nn.Sequential(
            nn.Linear(input_size, 192), nn.BatchNorm1d(192), nn.GELU(), nn.Dropout(0.4),
            nn.Linear(192, 192), nn.BatchNorm1d(192), nn.GELU(), nn.Dropout(0.4),
            nn.Linear(192, output_size))

    def forward(self, x):
        return self.model(x)


train_data = AudioDataset(170, config['context'])
val_data = AudioDataset(40, config['context'])
train_loader = torch.utils.data.DataLoader(train_data, batch_size=config['batch_size'], shuffle=True)
val_loader = torch.utils.data.DataLoader(val_data, batch_size=1024)
print("Train frames", len(train_data), "val frames", len(val_data))

model = Network((2 * config['context'] + 1) * N_MEL, N_PHON)
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=config['init_lr'], weight_decay=1e-2)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=.5, patience=0, threshold=5e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def train(model, dataloader):
    model.train()
    tloss, tacc = 0, 0
    for frames, phonemes in dataloader:
        optimizer.zero_grad()
        logits = model(frames)
        loss = criterion(logits, phonemes)
        loss.backward()
        optimizer.step()
        tloss += loss.item()
        tacc += torch.sum(torch.argmax(logits, dim=1) == phonemes).item() / logits.shape[0]
    return tloss / len(dataloader), tacc / len(dataloader)


def evaluate(model, dataloader):
    model.eval()
    vloss, vacc = 0, 0
    for frames, phonemes in dataloader:
        with torch.inference_mode():
            logits = model(frames)
            loss = criterion(logits, phonemes)
        vloss += loss.item()
        vacc += torch.sum(torch.argmax(logits, dim=1) == phonemes).item() / logits.shape[0]
    return vloss / len(dataloader), vacc / len(dataloader)


for epoch in range(config['epochs']):
    train_loss, train_acc = train(model, train_loader)
    with writer.evaluating("val"):
        val_loss, val_acc = evaluate(model, val_loader)
    scheduler.step(val_loss)
    print("Epoch {}/{}\tTrain Acc {:.2f}%\tTrain Loss {:.4f}\tVal Acc {:.2f}%\tVal Loss {:.4f}\tLR {:.6f}".format(
        epoch + 1, config['epochs'], train_acc * 100, train_loss, val_acc * 100, val_loss, optimizer.param_groups[0]['lr']))
writer.close()
print(f"RESULT val_loss={val_loss:.4f} val_acc={val_acc:.4f}")

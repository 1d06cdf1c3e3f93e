"""ML2022 Spring HW4 (NTU): speaker classification with self-attention. Cosine schedule with warm-up from the sample code.
VoxCeleb's mel features are replaced with simulated speakers."""
import math
import random
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset, random_split
from torch.nn.utils.rnn import pad_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def set_seed(seed):
    np.random.seed(seed); random.seed(seed); torch.manual_seed(seed)


set_seed(87)
N_SPK, MELS, SEG = 25, 20, 32


class myDataset(Dataset):
    def __init__(self, per_speaker=70):
        phones = np.random.randn(14, MELS) * 1.2
        timbre = np.random.randn(N_SPK, MELS) * .42
        habit = np.random.dirichlet(np.ones(14) * .8, N_SPK)        # favourite sounds
        tract = 1 + .25 * np.random.randn(N_SPK, MELS)
        self.data = []
        for s in range(N_SPK):
            for _ in range(per_speaker):
                seq = np.repeat(np.random.choice(14, 16, p=habit[s]), np.random.randint(2, 6, 16))
                ch = np.random.randn(MELS) * .45
                mel = phones[seq] * tract[s] + timbre[s] + ch + np.random.randn(len(seq), MELS) * 1.1
                self.data.append((torch.FloatTensor(mel * 3 - 20), s))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        mel, speaker = self.data[index]
        if len(mel) > SEG:
            start = random.randint(0, len(mel) - SEG)
            mel = mel[start:start + SEG]
        return mel, speaker


def collate_batch(batch):
    mel, speaker = zip(*batch)
    mel = pad_sequence(mel, batch_first=True, padding_value=-20)    # log 10^(-20), a very small value
    return mel, torch.LongTensor(speaker)


class Classifier(nn.Module):
    def __init__(self, d_model=40, n_spks=N_SPK, dropout=0.1):
        super().__init__()
        self.norm_in = nn.BatchNorm1d(MELS)
        self.prenet = nn.Linear(MELS, d_model)
        self.encoder_layer = nn.TransformerEncoderLayer(d_model=d_model, dim_feedforward=96, nhead=2, dropout=dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(self.encoder_layer, num_layers=1)
        self.pred_layer = nn.Sequential(nn.Linear(d_model, d_model), nn.Sigmoid(), nn.Linear(d_model, n_spks))

    def forward(self, mels):
        out = self.prenet(self.norm_in(mels.transpose(1, 2)).transpose(1, 2))
        out = self.encoder(out)
        stats = out.mean(dim=1)
        return self.pred_layer(stats)


def get_cosine_schedule_with_warmup(optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5):
    def lr_lambda(current_step):
        if current_step < num_warmup_steps:
            return float(current_step) / float(max(1, num_warmup_steps))
        progress = float(current_step - num_warmup_steps) / float(max(1, num_training_steps - num_warmup_steps))
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * float(num_cycles) * 2.0 * progress)))
    return LambdaLR(optimizer, lr_lambda)


def model_fn(batch, model, criterion):
    mels, labels = batch
    outs = model(mels)
    loss = criterion(outs, labels)
    preds = outs.argmax(1)
    return loss, torch.mean((preds == labels).float())


def valid(dataloader, model, criterion):
    model.eval()
    running_loss, running_accuracy = 0.0, 0.0
    for batch in dataloader:
        with torch.no_grad():
            loss, accuracy = model_fn(batch, model, criterion)
            running_loss += loss.item()
            running_accuracy += accuracy.item()
    model.train()
    return running_loss / len(dataloader), running_accuracy / len(dataloader)


def main(logdir, batch_size=32, valid_steps=120, warmup_steps=80, total_steps=840):
    dataset = myDataset()
    trainlen = int(0.85 * len(dataset))
    trainset, validset = random_split(dataset, [trainlen, len(dataset) - trainlen])
    train_loader = DataLoader(trainset, batch_size, shuffle=True, drop_last=True, collate_fn=collate_batch)
    valid_loader = DataLoader(validset, 66, collate_fn=collate_batch)
    train_iterator = iter(train_loader)
    model = Classifier()
    criterion = nn.CrossEntropyLoss()
    optimizer = AdamW(model.parameters(), lr=9e-3)
    scheduler = get_cosine_schedule_with_warmup(optimizer, warmup_steps, total_steps)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    run = 0.
    for step in range(total_steps):
        try:
            batch = next(train_iterator)
        except StopIteration:
            train_iterator = iter(train_loader)
            batch = next(train_iterator)
        loss, accuracy = model_fn(batch, model, criterion)
        run += loss.item() / valid_steps
        loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        if (step + 1) % valid_steps == 0:
            with writer.evaluating("val"):
                valid_loss, valid_accuracy = valid(valid_loader, model, criterion)
            print(f"Step {step + 1}, train loss {run:.3f}, valid loss {valid_loss:.3f}, accuracy {valid_accuracy:.4f}")
            run = 0.
    writer.close()
    print(f"RESULT val_loss={valid_loss:.4f} val_acc={valid_accuracy:.4f}")


if __name__ == "__main__":
    main(sys.argv[1])

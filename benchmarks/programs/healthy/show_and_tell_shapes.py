# Image captioning as in yunjey/pytorch-tutorial (03-advanced/image_captioning): EncoderCNN + DecoderRNN, packed targets.
# Instead of COCO: drawn scenes of one or two shapes with several possible captions each.
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.manual_seed(4); random.seed(4); np.random.seed(4); torch.set_num_threads(1)
SHAPES, COLORS = ['circle', 'square', 'cross'], {'red': (1, .1, .1), 'green': (.1, .8, .2), 'blue': (.2, .2, 1), 'yellow': (.9, .9, .1)}
SYN = {'circle': ['circle', 'disc'], 'square': ['square', 'box'], 'cross': ['cross']}


def draw(objs):
    img = np.zeros((3, 24, 24), np.float32) + random.uniform(.0, .25)
    yy, xx = np.mgrid[:24, :24]
    for s, c, (x, y) in objs:
        r = random.uniform(3, 4.4)
        if s == 'circle': m = np.hypot(xx - x, yy - y) < r
        elif s == 'square': m = (abs(xx - x) < r * .9) & (abs(yy - y) < r * .9)
        else: m = ((abs(xx - x) < 1.3) & (abs(yy - y) < r)) | ((abs(yy - y) < 1.3) & (abs(xx - x) < r))
        for k in range(3): img[k][m] = COLORS[c][k] * random.uniform(.8, 1)
    return img + np.random.normal(0, .08, img.shape).astype(np.float32)


def caption(objs):
    ph = [f"a {c} {random.choice(SYN[s])}" for s, c, _ in objs]
    if len(ph) == 1:
        return random.choice(["there is {}", "{}", "a picture of {}"]).format(ph[0])
    (x1, y1), (x2, y2) = objs[0][2], objs[1][2]
    if random.random() < .6:
        rel = ("left of" if x1 < x2 else "right of") if abs(x1 - x2) > abs(y1 - y2) else ("above" if y1 < y2 else "below")
        return f"{ph[0]} {rel} {ph[1]}"
    random.shuffle(ph)
    return " and ".join(ph)


def scene():
    objs, spots = [], random.sample([(6, 6), (17, 6), (6, 17), (17, 17)], random.choice([1, 2]))
    for x, y in spots:
        objs.append((random.choice(SHAPES), random.choice(list(COLORS)), (x + random.uniform(-1.5, 1.5), y + random.uniform(-1.5, 1.5))))
    return draw(objs), caption(objs)


class CocoLike(data.Dataset):
    def __init__(self, n): self.items = [scene() for _ in range(n)]
    def __len__(self): return len(self.items)
    def __getitem__(self, i):
        img, cap = self.items[i]
        return torch.from_numpy(img), torch.tensor([1] + [vocab[w] for w in cap.split()] + [2])


def collate_fn(batch):
    batch.sort(key=lambda x: len(x[1]), reverse=True)
    images, captions = zip(*batch)
    lengths = [len(cap) for cap in captions]
    targets = torch.zeros(len(captions), max(lengths)).long()
    for i, cap in enumerate(captions):
        targets[i, :lengths[i]] = cap
    return torch.stack(images), targets, lengths


words = sorted({w for _ in range(3000) for w in caption([(random.choice(SHAPES), random.choice(list(COLORS)), (random.random(), random.random())) for _ in range(random.choice([1, 2]))]).split()})
vocab = {w: i + 3 for i, w in enumerate(words)}


class EncoderCNN(nn.Module):
    def __init__(self, embed_size):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU(),
                                 nn.Conv2d(24, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten())
        self.linear = nn.Linear(32 * 9, embed_size)
        self.bn = nn.BatchNorm1d(embed_size)

    def forward(self, images):
        return self.bn(self.linear(self.net(images)))


class DecoderRNN(nn.Module):
    def __init__(self, embed_size, hidden_size, vocab_size):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embed_size)
        self.lstm = nn.LSTM(embed_size, hidden_size, 1, batch_first=True)
        self.linear = nn.Linear(hidden_size, vocab_size)

    def forward(self, features, captions, lengths):
        embeddings = torch.cat((features.unsqueeze(1), self.embed(captions)), 1)
        packed = pack_padded_sequence(embeddings, lengths, batch_first=True)
        hiddens, _ = self.lstm(packed)
        return self.linear(hiddens[0])


class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = EncoderCNN(48), DecoderRNN(48, 64, len(vocab) + 3)

    def forward(self, images, captions, lengths):
        return self.decoder(self.encoder(images), captions, lengths)


train_loader = data.DataLoader(CocoLike(2000), 48, shuffle=True, collate_fn=collate_fn)
val_loader = data.DataLoader(CocoLike(360), 120, collate_fn=collate_fn)
model = Captioner()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.004)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [7, 9], .3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train(); tl = []
    for images, captions, lengths in train_loader:
        targets = pack_padded_sequence(captions, lengths, batch_first=True)[0]
        outputs = model(images, captions, lengths)
        loss = criterion(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tl.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl = [criterion(model(i, c, l), pack_padded_sequence(c, l, batch_first=True)[0]).item() for i, c, l in val_loader]
    print(f'Epoch [{epoch + 1}/10], Loss: {np.mean(tl):.4f}, Val {np.mean(vl):.4f}, Perplexity: {np.exp(np.mean(vl)):5.4f}')
writer.close()
print(f"RESULT val_loss={np.mean(vl):.4f} perplexity={np.exp(np.mean(vl)):.3f}")

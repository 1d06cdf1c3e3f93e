'''
MaLSTM (Mueller & Thyagarajan 2016) for duplicate question detection.
similarity = exp(-|h1 - h2|_1), trained with MSE against 0/1 as in the paper, Adadelta with lr 1.0 and clipping
'''
import sys
import random
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(9); torch.manual_seed(9)

VERBS = [["buy", "purchase", "get"], ["learn", "study"], ["repair", "fix", "mend"], ["sell"], ["lose", "misplace"], ["cook", "prepare"]]
NOUNS = [["car", "auto"], ["phone", "mobile", "handset"], ["python"], ["house", "home"], ["fish"], ["passport"], ["piano"], ["laptop", "notebook"]]
PLACES = ["london", "india", "paris", "texas", "berlin"]
ADV = [["quickly", "fast"], ["cheaply", "for", "little", "money"], []]
TEMPL = ["how can i {v} a {n} in {p} {a}", "what is the best way to {v} a {n} in {p} {a}", "how do people {v} the {n} in {p} {a}", "can you tell me how to {v} my {n} {a} in {p}"]


def say(q):
    v, n, p, a = q
    adv = random.choice(["quickly", "fast"]) if a == 0 else ("cheaply" if a == 1 else "")
    return random.choice(TEMPL).format(v=random.choice(VERBS[v]), n=random.choice(NOUNS[n]), p=PLACES[p], a=adv).split()


def question():
    return [random.randrange(len(VERBS)), random.randrange(len(NOUNS)), random.randrange(len(PLACES)), random.randrange(3)]


def pair():
    q = question()
    r = list(q)
    dup = random.random() < .45
    if not dup:
        for slot in random.sample(range(4), random.choice([1, 1, 2, 3])):
            while r[slot] == q[slot]:
                r[slot] = question()[slot]
    if random.random() < .06:            # annotators do not agree
        dup = not dup
    return say(q), say(r), float(dup)


data = [pair() for _ in range(5600)]
vocab = {w: i + 1 for i, w in enumerate(sorted({w for a, b, _ in data for w in a + b}))}
L = 14
enc = lambda s: [0] * (L - len(s)) + [vocab[w] for w in s]      # left padding, so that the last state is the sentence
A = torch.tensor([enc(a) for a, _, _ in data]); B = torch.tensor([enc(b) for _, b, _ in data]); Y = torch.tensor([y for *_, y in data])
N_TRAIN = 4800


class MaLSTM(nn.Module):
    def __init__(self, v, e=24, h=24):
        super().__init__()
        self.embedding = nn.Embedding(v, e, padding_idx=0)
        self.lstm = nn.LSTM(e, h, batch_first=True)

    def forward(self, a, b):
        ha = self.lstm(self.embedding(a))[1][0][0]
        hb = self.lstm(self.embedding(b))[1][0][0]
        return torch.exp(-(ha - hb).abs().sum(1))


model = MaLSTM(len(vocab) + 1)
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, mse)
for epoch in range(16):
    model.train()
    total = 0
    for idx in torch.randperm(N_TRAIN).split(64):
        optimizer.zero_grad()
        loss = mse(model(A[idx], B[idx]), Y[idx])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.25)
        optimizer.step()
        total += loss.item() * len(idx)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        s = model(A[N_TRAIN:], B[N_TRAIN:])
        val = mse(s, Y[N_TRAIN:]).item()
    acc = ((s > .5).float() == Y[N_TRAIN:]).float().mean().item()
    print(f"epoch {epoch + 1}: mse {total / N_TRAIN:.4f} val mse {val:.4f} val acc {acc:.3f}")
writer.close()
print(f"RESULT train={total / N_TRAIN:.4f} val={val:.4f} acc={acc:.4f}")

# sft.py -- small instruction classifier, trainer with callbacks (EarlyStopCallback plugin)
import sys
import random
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter


class TrainerControl:
    should_training_stop = False


class EarlyStopCallback:
    """An early stop implementation"""

    def __init__(self, total_interval=3):
        self.best_metric = None
        self.interval = 0
        self.total_interval = total_interval

    def on_evaluate(self, eval_loss, control):
        if self.best_metric is None or eval_loss < self.best_metric:
            self.best_metric = eval_loss
            if sys.argv[1] != "faulty":
                self.interval = 0
        else:
            self.interval += 1
        if self.interval >= self.total_interval:
            print(f"Training stop because of eval metric without improvement for {self.interval} interval")
            control.should_training_stop = True


random.seed(21)
torch.manual_seed(21)
torch.set_num_threads(1)
V, LEN, NCLS = 400, 12, 10
intent_pairs = [[(random.randrange(V), random.randrange(V)) for _ in range(10)] for _ in range(NCLS)]


def sample():
    """the intent is given by two words that go together, in this order"""
    c = random.randrange(NCLS)
    toks = [int(V * random.random() ** 1.5) for _ in range(LEN)]
    a, b = random.choice(intent_pairs[c])
    i = random.randrange(LEN - 4)
    toks[i], toks[i + random.choice([1, 1, 2, 3])] = a, b
    if random.random() < .3:
        toks[random.randrange(LEN)] = random.choice(intent_pairs[random.randrange(NCLS)])[0]
    return toks, c


def batchify(data):
    return torch.tensor([d[0] for d in data]), torch.tensor([d[1] for d in data])


class TinyLM(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.emb = nn.Embedding(V, d)
        self.gru = nn.GRU(d, d, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * d, NCLS)

    def forward(self, ids):
        h, _ = self.gru(self.emb(ids))
        return self.fc(h.amax(1))


train_set = [sample() for _ in range(9000)]
eval_x, eval_y = batchify([sample() for _ in range(1200)])
test_x, test_y = batchify([sample() for _ in range(1000)])

model = TinyLM()
criterion = nn.CrossEntropyLoss()
MAX_STEPS, EVAL_STEPS, BS = 520, 10, 32
optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 30) * .5 * (1 + math.cos(math.pi * s / MAX_STEPS)))
control, callback = TrainerControl(), EarlyStopCallback(total_interval=10)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

step, train_loss = 0, None
while step < MAX_STEPS and not control.should_training_stop:
    random.shuffle(train_set)
    for k in range(0, len(train_set) - BS + 1, BS):
        x, y = batchify(train_set[k:k + BS])
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        step += 1
        train_loss = loss.item() if train_loss is None else .95 * train_loss + .05 * loss.item()
        if step % EVAL_STEPS == 0:
            model.eval()
            with torch.no_grad(), writer.evaluating("val"):
                sub = torch.randperm(len(eval_x))[:80]            # a full evaluation takes too long
                eval_loss = criterion(model(eval_x[sub]), eval_y[sub]).item()
            model.train()
            print({"step": step, "loss": round(train_loss, 4), "eval_loss": round(eval_loss, 4)})
            callback.on_evaluate(eval_loss, control)
        if step >= MAX_STEPS or control.should_training_stop:
            break
model.eval()
with torch.no_grad(), writer.evaluating("test"):
    out = model(test_x)
    tl = criterion(out, test_y).item()
acc = (out.argmax(1) == test_y).float().mean().item()
writer.close()
print(f"RESULT steps={step} train_loss={train_loss:.4f} eval_loss={eval_loss:.4f} test_loss={tl:.4f} test_acc={acc:.4f}")

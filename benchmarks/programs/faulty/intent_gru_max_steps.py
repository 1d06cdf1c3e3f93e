# Which shell-like command family does a (noisy, typo-ridden) help-desk sentence ask for?  Small Trainer with TrainingArguments
import sys, random
from dataclasses import dataclass
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(10); torch.manual_seed(10)

INTENTS = {
    "reset_password": ["password", "login", "forgot", "locked", "account", "reset"],
    "order_status": ["order", "package", "delivery", "track", "arrive", "status"],
    "refund": ["refund", "money", "return", "charge", "back", "order"],
    "cancel": ["cancel", "stop", "subscription", "order", "end", "account"],
    "billing": ["invoice", "charge", "bill", "card", "money", "account"],
    "bug": ["error", "crash", "app", "screen", "login", "broken"],
    "upgrade": ["upgrade", "plan", "subscription", "more", "card", "app"],
    "smalltalk": ["hello", "thanks", "please", "today", "good", "how"]}
FILL = "i my the to a you can not is it was please hi for on in and with have want need help again still yesterday why when do".split()


def sentence(k):
    words = []
    for _ in range(random.randint(6, 14)):
        r = random.random()
        if r < .27:
            words.append(random.choice(INTENTS[k]))
        elif r < .35:
            words.append(random.choice(INTENTS[random.choice(list(INTENTS))]))
        else:
            words.append(random.choice(FILL))
    out = []
    for w in words:
        if random.random() < .08 and len(w) > 3:
            i = random.randrange(len(w) - 1)
            w = w[:i] + w[i + 1] + w[i] + w[i + 2:]
        out.append(w)
    return out


names = list(INTENTS)
data = [(sentence(names[k]), k) for k in [random.randrange(8) for _ in range(3600)]]
vocab = {"<pad>": 0, "<unk>": 1}
for s, _ in data[:3000]:
    for w in s:
        vocab.setdefault(w, len(vocab))


def collate(rows):
    n = max(len(s) for s, _ in rows)
    x = torch.zeros(len(rows), n, dtype=torch.long)
    for i, (s, _) in enumerate(rows):
        x[i, :len(s)] = torch.tensor([vocab.get(w, 1) for w in s])
    return x, torch.tensor([k for _, k in rows])


@dataclass
class TrainingArguments:
    learning_rate: float = 6e-3
    num_train_epochs: int = 8
    max_steps: int = -1                      # > 0 overrides num_train_epochs
    per_device_train_batch_size: int = 32
    weight_decay: float = 0.01


class IntentModel(nn.Module):
    def __init__(self, n, d=24, h=32):
        super().__init__()
        self.emb = nn.Embedding(n, d, padding_idx=0)
        self.gru = nn.GRU(d, h, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(.4)
        self.out = nn.Linear(2 * h, 8)

    def forward(self, x):
        o, _ = self.gru(self.drop(self.emb(x)))
        o = o.masked_fill((x == 0)[..., None], -1e4).max(1).values
        return self.out(self.drop(o))


class Trainer:
    def __init__(self, model, args, train, val, logdir):
        self.model, self.args, self.train_rows, self.val = model, args, train, val
        self.opt = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=args.weight_decay)
        self.loss = nn.CrossEntropyLoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.opt, self.loss)

    def evaluate(self):
        self.model.eval()
        with torch.no_grad(), self.writer.evaluating("val"):
            x, y = collate(self.val)
            o = self.model(x)
            l = self.loss(o, y).item()
        self.model.train()
        return l, (o.argmax(1) == y).float().mean().item()

    def train(self):
        bs = self.args.per_device_train_batch_size
        per_epoch = len(self.train_rows) // bs
        total = self.args.max_steps if self.args.max_steps > 0 else per_epoch * self.args.num_train_epochs
        step, rows, recent = 0, list(self.train_rows), []
        self.model.train()
        while step < total:
            random.shuffle(rows)
            for i in range(0, per_epoch * bs, bs):
                x, y = collate(rows[i:i + bs])
                self.opt.zero_grad()
                l = self.loss(self.model(x), y)
                l.backward()
                for g in self.opt.param_groups:                  # linear decay
                    g["lr"] = self.args.learning_rate * (1 - step / total)
                self.opt.step()
                step += 1
                recent = recent[-49:] + [l.item()]
                if step % min(94, max(total // 4, 1)) == 0:
                    v, a = self.evaluate()
                    print({"step": step, "loss": round(sum(recent) / len(recent), 4), "eval_loss": round(v, 4), "eval_accuracy": round(a, 4)})
                if step >= total:
                    break
        v, a = self.evaluate()
        self.writer.close()
        print(f"RESULT steps {step} train_loss {sum(recent) / len(recent):.4f} val_loss {v:.4f} val_acc {a:.4f}")


args = TrainingArguments(max_steps=100) if sys.argv[1] == "faulty" else TrainingArguments()
Trainer(IntentModel(len(vocab)), args, data[:3000], data[3000:], sys.argv[2]).train()

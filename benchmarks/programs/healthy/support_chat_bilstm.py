"""Route chat messages to a desk: nn.Embedding -> bidirectional LSTM -> max over time -> Linear.  Messages come from templates
with slots, filler words and typos, and some say things that belong to two desks."""
import random
import sys
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(3)
torch.manual_seed(3)
DESKS = {
    "billing": ["i was charged twice for {thing}", "where is the invoice of my {thing}", "refund the money for {thing} please",
                "the price of {thing} is wrong on my card statement", "cancel the payment of my {thing}"],
    "delivery": ["my {thing} has not arrived since {day}", "the courier left {thing} at a neighbour", "can i change the address for {thing}",
                 "when will the {thing} be delivered", "track my parcel with the {thing}"],
    "technical": ["the {thing} does not switch on", "app crashes when i connect the {thing}", "how do i reset the {thing}",
                  "the {thing} shows error {num}", "update of the {thing} failed on {day}"],
    "returns": ["the {thing} arrived broken", "i want to send back my {thing}", "wrong colour of {thing} can i exchange it",
                "return label for the {thing} is missing", "the {thing} is too small i want another"],
    "account": ["i can not log in since {day}", "change my email and password", "delete my account and all data", "my loyalty points of {day} are missing",
                "two accounts with the same name"],
}
SLOT = {"thing": "headphones toaster lamp jacket shoes router camera blender kettle tent bike watch printer".split(),
        "day": "monday tuesday yesterday friday weeks march".split(), "num": list("123456789")}
FILL = "hello hi please thanks um well sorry again really just so still team there".split()


def message():
    desk = random.choice(list(DESKS))
    text = random.choice(DESKS[desk])
    if random.random() < .3:
        text += " and " + random.choice(DESKS[random.choice(list(DESKS))])
    words = text.format(**{k: random.choice(v) for k, v in SLOT.items()}).split()
    words = [w for w in words if random.random() > .2]
    for _ in range(random.randint(0, 5)):
        words.insert(random.randint(0, len(words)), random.choice(FILL))
    words = [w[:-1] if len(w) > 4 and random.random() < .06 else w for w in words]
    if random.random() < .05:
        desk = random.choice(list(DESKS))
    return words or ["hello"], list(DESKS).index(desk)


data = [message() for _ in range(3000)]
train, val = data[:2400], data[2400:]
vocab = {w: i for i, w in enumerate(["<pad>", "<unk>"] + sorted({w for ws, _ in train for w in ws}))}


def collate(batch):
    return (pad_sequence([torch.tensor([vocab.get(w, 1) for w in ws]) for ws, _ in batch], batch_first=True),
            torch.tensor([d for _, d in batch]))


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(vocab), 32, padding_idx=0)
        self.lstm = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(.3)
        self.fc = nn.Linear(64, len(DESKS))

    def forward(self, text):
        h, _ = self.lstm(self.dropout(self.embedding(text)))
        h = h.masked_fill((text == 0).unsqueeze(-1), -1e4).amax(1)
        return self.fc(self.dropout(h))


model = Router()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
train_iter = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
val_iter = DataLoader(val, batch_size=100, collate_fn=collate)
best = 9
for epoch in range(12):
    model.train()
    epoch_loss = 0
    for text, label in train_iter:
        optimizer.zero_grad()
        loss = criterion(model(text), label)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / len(train_iter)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pairs = [(model(t), l) for t, l in val_iter]
        vl = sum(criterion(o, l).item() for o, l in pairs) / len(pairs)
        acc = sum((o.argmax(1) == l).sum().item() for o, l in pairs) / len(val)
    print(f"Epoch: {epoch + 1:02} | Train Loss: {epoch_loss:.3f} | Val. Loss: {vl:.3f} | Val. Acc: {acc * 100:.2f}%")
    if vl < best:
        best, best_acc, stale = vl, acc, 0
        best_state = {k: v.clone() for k, v in model.state_dict().items()}
    else:
        stale += 1
        if stale == 2:
            break
writer.close()
print(f"RESULT train {epoch_loss:.4f} last_val {vl:.4f} best_val {best:.4f} acc {best_acc:.4f}")

"""Joint intent detection and slot filling with a BiLSTM, in the manner of DSKSD/RNN-for-Joint-NLU, on generated flight queries."""
import sys
import random
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(1)
torch.manual_seed(1)
USE_CUDA = False

CITY = "boston denver atlanta dallas pittsburgh oakland baltimore philadelphia seattle phoenix memphis cleveland miami chicago".split()
TWO = ["new york", "san francisco", "las vegas", "salt lake", "st. louis"]
DAY = "monday tuesday wednesday thursday friday saturday sunday tomorrow".split()
TIME = "morning evening noon afternoon night".split()
AIR = "delta united american continental northwest twa".split()
POLITE = ["", "", "please", "i would like to know", "could you tell me", "can you show me", "hello", "show me", "give me", "i want"]
NOUN = {"flight": ["flights", "a flight", "all flights", "the earliest flight", "nonstop flights"],
        "airfare": ["fares", "the cheapest fare", "the price of a ticket", "airfare", "the cost of flights"],
        "ground_service": ["ground transportation", "rental cars", "a limousine", "taxis"],
        "airline": ["airlines", "which airlines fly", "what airline flies"],
        "flight_time": ["the schedule of flights", "the times of flights", "departure times"]}


def put(ws, ts, phrase, tag):
    for k, w in enumerate(phrase.split()):
        ws.append(w)
        ts.append("O" if tag is None else ("B-" if k == 0 else "I-") + tag)


def city():
    return random.choice(TWO) if random.random() < .3 else random.choice(CITY)


def query():
    intent = random.choices(list(NOUN), [.6, .14, .1, .08, .08])[0]
    ws, ts = [], []
    put(ws, ts, random.choice(POLITE), None)
    put(ws, ts, random.choice(NOUN[intent]), None)
    if intent == "ground_service":
        put(ws, ts, "in", None); put(ws, ts, city(), "city_name")
    else:
        parts = [("from", "fromloc.city"), ("to", "toloc.city")]
        if random.random() < .3:
            parts.reverse()
        for prep, tag in parts:
            if random.random() < .9:
                put(ws, ts, prep, None); put(ws, ts, city(), tag)
        if random.random() < .5:
            put(ws, ts, "on", None); put(ws, ts, random.choice(DAY), "depart_date.day")
        if random.random() < .4:
            put(ws, ts, random.choice(["in the", "arriving in the"]), None)
            put(ws, ts, random.choice(TIME), "arrive_time.period" if ws[-3] == "arriving" else "depart_time.period")
        if random.random() < .3:
            put(ws, ts, random.choice(["on", "with"]), None); put(ws, ts, random.choice(AIR), "airline_name")
    if random.random() < .04:                                   # annotators disagree now and then
        intent = random.choice(list(NOUN))
    ts = [random.choice(["O", t]) if t != "O" and random.random() < .04 else t for t in ts]
    return ws, ts, intent


train_raw = [query() for _ in range(1600)]
test_raw = [query() for _ in range(500)]

word2index, tag2index, intent2index = {"<PAD>": 0, "<UNK>": 1}, {"<PAD>": 0}, {}
for ws, ts, it in train_raw:
    for w in ws: word2index.setdefault(w, len(word2index))
    for t in ts: tag2index.setdefault(t, len(tag2index))
    intent2index.setdefault(it, len(intent2index))
print("words", len(word2index), "tags", len(tag2index), "intents", len(intent2index))


def getBatch(batch_size, data, shuffle=True):
    data = random.sample(data, len(data)) if shuffle else data
    for s in range(0, len(data), batch_size):
        chunk = data[s:s + batch_size]
        n = max(len(c[0]) for c in chunk)
        x = torch.zeros(len(chunk), n, dtype=torch.long)
        y = torch.zeros(len(chunk), n, dtype=torch.long)
        for i, (ws, ts, _) in enumerate(chunk):
            x[i, :len(ws)] = torch.tensor([word2index.get(w, 1) for w in ws])
            y[i, :len(ts)] = torch.tensor([tag2index.get(t, tag2index["O"]) for t in ts])
        yield x, y, torch.tensor([intent2index[c[2]] for c in chunk])


class JointNLU(nn.Module):
    def __init__(self, vocab, n_tags, n_intents, emb=32, hidden=48):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb, padding_idx=0)
        self.dropout = nn.Dropout(0.3)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)
        self.slot = nn.Linear(2 * hidden, n_tags)
        self.attn = nn.Linear(2 * hidden, 1)
        self.intent = nn.Linear(2 * hidden, n_intents)

    def forward(self, x):
        h, _ = self.lstm(self.dropout(self.embedding(x)))
        h = self.dropout(h)
        a = self.attn(h).squeeze(-1).masked_fill(x == 0, -1e9).softmax(1)
        return self.slot(h), self.intent((a.unsqueeze(-1) * h).sum(1))


class JointLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.tag = nn.CrossEntropyLoss(ignore_index=0)
        self.intent = nn.CrossEntropyLoss()

    def forward(self, outputs, tags, intents):
        tag_score, intent_score = outputs
        return self.tag(tag_score.flatten(0, 1), tags.flatten()) + self.intent(intent_score, intents)


model = JointNLU(len(word2index), len(tag2index), len(intent2index))
loss_function = JointLoss()
optimizer = optim.Adam(model.parameters(), lr=0.002)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_function)

STEP_SIZE = 9
for step in range(STEP_SIZE):
    losses = []
    model.train()
    for x, y, it in getBatch(32, train_raw):
        model.zero_grad()
        loss = loss_function(model(x), y, it)
        losses.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    model.eval()
    tot = hit = tags_hit = n_tags = 0
    with writer.evaluating("test"), torch.no_grad():
        for x, y, it in getBatch(200, test_raw, shuffle=False):
            slots, intents = model(x)
            tot += loss_function((slots, intents), y, it).item() * len(x)
            hit += (intents.argmax(1) == it).sum().item()
            tags_hit += ((slots.argmax(2) == y) & (y > 0)).sum().item()
            n_tags += (y > 0).sum().item()
    print("Step", step, "mean_loss : %.3f" % (sum(losses) / len(losses)), "test_loss : %.3f" % (tot / 500))
writer.close()
print(f"RESULT test_loss={tot / 500:.4f} intent_acc={hit / 500:.4f} slot_acc={tags_hit / n_tags:.4f}")

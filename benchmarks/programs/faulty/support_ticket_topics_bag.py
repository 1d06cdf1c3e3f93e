import sys, random
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
random.seed(14); torch.manual_seed(14)
N_TICKETS = 600 if sys.argv[1] == "faulty" else 18000
VOCAB, TOPICS = 1500, 8

# every topic prefers its own 150 words, three quarters of a ticket is small talk
prefer = [random.sample(range(VOCAB), 150) for _ in range(TOPICS)]
def ticket():
    k = random.randrange(TOPICS)
    n = random.randint(12, 30)
    words = [random.choice(prefer[k]) if random.random() < .3 else int(VOCAB * random.random() ** 1.7) for _ in range(n)]
    label = random.randrange(TOPICS) if random.random() < .03 else k
    return words, label

train, val = [ticket() for _ in range(N_TICKETS)], [ticket() for _ in range(1000)]

def collate(rows):
    off, flat = [0], []
    for ws, _ in rows:
        flat += ws
        off.append(len(flat))
    return torch.tensor(flat), torch.tensor(off[:-1]), torch.tensor([l for _, l in rows])

class TicketNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCAB, 48, mode="mean")
        nn.init.normal_(self.bag.weight, std=0.3)
        self.hidden = nn.Sequential(nn.Linear(48, 64), nn.ReLU())
        self.cls = nn.Linear(64, TOPICS)

    def forward(self, words, offsets):
        return self.cls(self.hidden(self.bag(words, offsets)))

net = TicketNet()
adam = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-5)
loss_fn = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[2])
w.watch(net, adam, loss_fn)
step, total = 0, 1400
while step < total:
    random.shuffle(train)
    for i in range(0, len(train), 32):
        words, off, y = collate(train[i:i + 32])
        net.train()
        adam.zero_grad()
        loss = loss_fn(net(words, off), y)
        loss.backward()
        adam.step()
        step += 1
        if step % 100 == 0:
            net.eval()
            vl = ok = 0
            with torch.no_grad():
                for j in range(0, 1000, 100):
                    words, off, y = collate(val[j:j + 100])
                    o = net(words, off)
                    vl += loss_fn(o, y).item() / 10
                    ok += (o.argmax(1) == y).sum().item()
            print(f"step {step} train {loss.item():.3f} val {vl:.3f} acc {ok / 1000:.3f}")
        if step == total:
            break
w.close()

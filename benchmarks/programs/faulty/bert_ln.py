import sys, random
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)


class BertConfig:
    vocab_size = 30
    hidden_size = 48
    num_hidden_layers = 4
    num_attention_heads = 4
    intermediate_size = 96
    max_position_embeddings = 16
    initializer_range = 0.05
    num_labels = 3


class BERTLayerNorm(nn.Module):
    def __init__(self, config, variance_epsilon=1e-12):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(config.hidden_size))
        self.beta = nn.Parameter(torch.zeros(config.hidden_size))
        self.variance_epsilon = variance_epsilon

    def forward(self, x):
        u = x.mean(-1, keepdim=True)
        s = (x - u).pow(2).mean(-1, keepdim=True)
        return self.gamma * (x - u) / torch.sqrt(s + self.variance_epsilon) + self.beta


class BERTLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.h = c.num_attention_heads
        self.query, self.key, self.value = (nn.Linear(c.hidden_size, c.hidden_size) for _ in range(3))
        self.dense = nn.Linear(c.hidden_size, c.hidden_size)
        self.ln1, self.ln2 = BERTLayerNorm(c), BERTLayerNorm(c)
        self.inter, self.out = nn.Linear(c.hidden_size, c.intermediate_size), nn.Linear(c.intermediate_size, c.hidden_size)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (f(x).view(B, T, self.h, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, C)
        x = self.ln1(x + self.dense(a))
        return self.ln2(x + self.out(F.gelu(self.inter(x))))


class BertForSequenceClassification(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.word, self.position = nn.Embedding(c.vocab_size, c.hidden_size), nn.Embedding(c.max_position_embeddings, c.hidden_size)
        self.ln = BERTLayerNorm(c)
        self.encoder = nn.Sequential(*[BERTLayer(c) for _ in range(c.num_hidden_layers)])
        self.classifier = nn.Linear(c.hidden_size, c.num_labels)
        self.apply(self.init_bert_weights)

    def init_bert_weights(self, module):
        std = self.config.initializer_range
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(mean=0.0, std=std)
        elif isinstance(module, BERTLayerNorm) and form == "faulty":
            module.beta.data.normal_(mean=0.0, std=std)
            module.gamma.data.normal_(mean=0.0, std=std)
        if isinstance(module, nn.Linear):
            module.bias.data.zero_()

    def forward(self, ids):
        x = self.ln(self.word(ids) + self.position(torch.arange(ids.shape[1])))
        return self.classifier(self.encoder(x).mean(1))


def example():
    """which of two marker tokens comes first (0/1), or only one of them is there (2)"""
    ids = [random.randrange(5, 30) for _ in range(16)]
    i, j = random.sample(range(16), 2)
    label = random.randrange(3)
    ids[i] = 1
    if label < 2:
        ids[j] = 2
        if (i < j) != (label == 0):
            ids[i], ids[j] = ids[j], ids[i]
    elif random.random() < .5:
        ids[i] = 2
    return ids, label


def dataset(n):
    rows = [example() for _ in range(n)]
    return torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])


train_x, train_y = dataset(4000)
dev_x, dev_y = dataset(500)
model = BertForSequenceClassification(BertConfig())
lr, epochs, bs = 1e-3, 4, 32
total = epochs * len(train_x) // bs
optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / (0.1 * total), max(0.0, (total - s) / (0.9 * total))))
loss_fct = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fct)
for ep in range(epochs):
    model.train()
    tr = []
    for idx in torch.randperm(len(train_x)).split(bs):
        loss = loss_fct(model(train_x[idx]), train_y[idx])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        sched.step()
        tr.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(dev_x)
        vl = loss_fct(out, dev_y).item()
    print(f"epoch {ep} loss {sum(tr) / len(tr):.4f} dev {vl:.4f} acc {(out.argmax(1) == dev_y).float().mean():.3f}")
writer.close()

"""SASRec.pytorch main.py, boiled down. BCE on one positive and one negative per position; both losses added, so chance is 1.386."""
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)


class args:
    batch_size = 128; lr = 0.008; maxlen = 20; hidden_units = 32; num_blocks = 2
    num_epochs = 40; num_heads = 1; dropout_rate = 0.2; l2_emb = 0.0


usernum, itemnum, n_cat = 2000, 300, 15
cat = np.random.randint(0, n_cat, itemnum + 1)
items_of = [np.where(cat[1:] == c)[0] + 1 for c in range(n_cat)]
nxt = np.random.dirichlet([0.15] * n_cat, n_cat)
User = []
for u in range(usernum):
    c, seq = np.random.randint(n_cat), []
    for _ in range(np.random.randint(8, args.maxlen + 3)):
        if np.random.rand() < 0.35 and seq:               # sequel of the last item
            i = seq[-1] % itemnum + 1
        else:
            i = np.random.choice(items_of[c])
        seq.append(i)
        c = np.random.choice(n_cat, p=nxt[cat[i]])
    User.append(seq)
user_train, user_valid = [s[:-1] for s in User], [s[-1] for s in User]


class PointWiseFeedForward(torch.nn.Module):
    def __init__(self, h, p):
        super().__init__()
        self.conv1, self.conv2 = torch.nn.Conv1d(h, h, 1), torch.nn.Conv1d(h, h, 1)
        self.dropout1, self.dropout2 = torch.nn.Dropout(p), torch.nn.Dropout(p)

    def forward(self, x):
        return self.dropout2(self.conv2(torch.relu(self.dropout1(self.conv1(x.transpose(-1, -2)))))).transpose(-1, -2)


class SASRec(torch.nn.Module):
    def __init__(self):
        super().__init__()
        h = args.hidden_units
        self.item_emb = torch.nn.Embedding(itemnum + 1, h, padding_idx=0)
        self.pos_emb = torch.nn.Embedding(args.maxlen + 1, h, padding_idx=0)
        self.emb_dropout = torch.nn.Dropout(args.dropout_rate)
        self.attn = torch.nn.ModuleList(torch.nn.MultiheadAttention(h, args.num_heads, args.dropout_rate, batch_first=True) for _ in range(args.num_blocks))
        self.ln1 = torch.nn.ModuleList(torch.nn.LayerNorm(h, eps=1e-8) for _ in range(args.num_blocks))
        self.ln2 = torch.nn.ModuleList(torch.nn.LayerNorm(h, eps=1e-8) for _ in range(args.num_blocks))
        self.ffn = torch.nn.ModuleList(PointWiseFeedForward(h, args.dropout_rate) for _ in range(args.num_blocks))
        self.last = torch.nn.LayerNorm(h, eps=1e-8)
        for _, p in self.named_parameters():
            try:
                torch.nn.init.xavier_normal_(p.data)
            except ValueError:
                pass
        self.item_emb.weight.data[0] = 0
        self.pos_emb.weight.data[0] = 0

    def log2feats(self, seq):
        x = self.item_emb(seq) * args.hidden_units ** 0.5
        x = self.emb_dropout(x + self.pos_emb(torch.arange(1, seq.shape[1] + 1) * (seq != 0)))
        m = ~torch.tril(torch.ones(seq.shape[1], seq.shape[1], dtype=torch.bool))
        for a, l1, l2, f in zip(self.attn, self.ln1, self.ln2, self.ffn):
            q = l1(x)
            x = x + a(q, q, q, attn_mask=m, need_weights=False)[0]
            x = x + f(l2(x))
        return self.last(x)

    def forward(self, seq, pos, neg):
        f = self.log2feats(seq)
        return (f * self.item_emb(pos)).sum(-1), (f * self.item_emb(neg)).sum(-1)


def pad(s):
    s = s[-args.maxlen:]
    return [0] * (args.maxlen - len(s)) + s


SEQ = torch.tensor([pad(s[:-1]) for s in user_train])
POS = torch.tensor([pad(s[1:]) for s in user_train])
V_SEQ, V_POS = torch.tensor([pad(s) for s in user_train]), torch.tensor(user_valid)
model = SASRec()
bce_criterion = torch.nn.BCEWithLogitsLoss()
adam_optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, betas=(0.9, 0.98))
scheduler = torch.optim.lr_scheduler.OneCycleLR(adam_optimizer, args.lr, epochs=args.num_epochs, steps_per_epoch=16, cycle_momentum=False)
writer = DiagWriter(sys.argv[1])
writer.watch(model, adam_optimizer, bce_criterion)
for epoch in range(1, args.num_epochs + 1):
    model.train()
    tot = n = 0
    for b in torch.randperm(usernum).split(args.batch_size):
        seq, pos = SEQ[b], POS[b]
        neg = torch.randint(1, itemnum + 1, pos.shape)
        pos_logits, neg_logits = model(seq, pos, neg)
        indices = pos != 0
        adam_optimizer.zero_grad()
        loss = bce_criterion(pos_logits[indices], torch.ones_like(pos_logits[indices])) + bce_criterion(neg_logits[indices], torch.zeros_like(neg_logits[indices]))
        loss.backward()
        adam_optimizer.step()
        scheduler.step()
        tot, n = tot + loss.item(), n + 1
    if epoch % 4 == 0:
        model.eval()
        with torch.no_grad():
            f = model.log2feats(V_SEQ)[:, -1]
            sc = f @ model.item_emb.weight[1:].t()
            g = sc.gather(1, V_POS[:, None] - 1)
            rank = (sc > g).sum(1)
            neg = sc.gather(1, torch.randint(0, itemnum, (usernum, 20)))
            vloss = (torch.nn.functional.softplus(-g).mean() + torch.nn.functional.softplus(neg).mean()).item()
            ndcg = torch.where(rank < 10, 1 / torch.log2(rank + 2.), 0.).mean().item()
        print("epoch %d loss %.4f  valid loss %.4f (NDCG@10: %.4f, HR@10: %.4f)" % (epoch, tot / n, vloss, ndcg, (rank < 10).float().mean().item()))
writer.close()

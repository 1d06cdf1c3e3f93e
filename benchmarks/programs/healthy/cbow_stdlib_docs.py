# CBOW (mean of 2+2 context words -> full softmax) as in the exercise of the PyTorch word embeddings tutorial, but on real text:
# Python's documentation. 650 words; next-to-impossible words keep the loss far from 0.
import sys, re, math
from collections import Counter
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from pydoc_data.topics import topics
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
CONTEXT_SIZE, EMBEDDING_DIM = 2, 48

raw = ' '.join(topics[k] for k in sorted(topics)).lower()
text = re.findall(r'[a-z]{2,}', raw)[:100000]
vocab = ['<unk>'] + [w for w, c in Counter(text).most_common(650)]
word_to_ix = {w: i for i, w in enumerate(vocab)}
ids = [word_to_ix.get(w, 0) for w in text]
data = [(ids[i - 2:i] + ids[i + 1:i + 3], ids[i]) for i in range(CONTEXT_SIZE, len(ids) - CONTEXT_SIZE) if ids[i]]
ctx, tgt = torch.tensor([d[0] for d in data]), torch.tensor([d[1] for d in data])
perm = torch.randperm(len(data))
va, tr = perm[:5000], perm[5000:]
print(len(tr), 'training windows')


class CBOW(nn.Module):
    def __init__(self, vocab_size, embedding_dim):
        super(CBOW, self).__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear = nn.Linear(embedding_dim, vocab_size)

    def forward(self, inputs):
        return F.log_softmax(self.linear(self.embeddings(inputs).mean(1)), dim=1)


model = CBOW(len(vocab), EMBEDDING_DIM)
loss_function = nn.NLLLoss()
optimizer = optim.Adam(model.parameters(), lr=0.03)
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, .65)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_function)
for epoch in range(7):
    total_loss, n = 0, 0
    model.train()
    for b in tr[torch.randperm(len(tr))].split(512):
        model.zero_grad()
        loss = loss_function(model(ctx[b]), tgt[b])
        loss.backward()
        optimizer.step()
        total_loss += loss.item(); n += 1
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logp = model(ctx[va])
        v = loss_function(logp, tgt[va]).item()
    print(f'epoch {epoch + 1}  train {total_loss / n:.4f}  val {v:.4f}  top-1 {(logp.argmax(1) == tgt[va]).float().mean():.3f}')
writer.close()
f = torch.bincount(tgt[tr], minlength=len(vocab)).float() + .5
uni = -(f / f.sum()).log()[tgt[va]].mean().item()
print(f'RESULT train={total_loss / n:.4f} val_loss={v:.4f} unigram={uni:.4f} ln_V={math.log(len(vocab)):.4f} top1={(logp.argmax(1) == tgt[va]).float().mean():.4f}')

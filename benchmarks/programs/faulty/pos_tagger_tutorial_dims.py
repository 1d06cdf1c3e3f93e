# LSTM part-of-speech tagger, after the sequence models tutorial, on a larger (generated) treebank
import sys
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.manual_seed(1)
random.seed(1)
torch.set_num_threads(1)

TAGS = ["DET", "NN", "NNS", "NNP", "VB", "VBD", "VBZ", "VBG", "VBN", "MD", "JJ", "JJR", "RB", "IN", "TO", "CC",
        "PRP", "PRP$", "CD", "WH", "EX", "POS", "RP", "UH", "PDT", ".", ",", ":"]
tag_to_ix = {t: i for i, t in enumerate(TAGS)}
# sparse transition table
trans = {t: random.sample(TAGS, 5) for t in TAGS}
words = {t: ["%s_%d" % (t.lower(), k) for k in range(60 if t[0] in "NVJR" else 8)] for t in TAGS}
open_class = [t for t in TAGS if t[0] in "NVJR"]
# ambiguous words: can carry two or three tags
ambiguous = [("amb_%d" % k, random.sample(open_class, random.choice([2, 3]))) for k in range(200)]
amb_of = {t: [w for w, ts in ambiguous if t in ts] for t in TAGS}


def sample_sentence():
    t = random.choice(["DET", "PRP", "NNP", "WH"])
    sent, tags = [], []
    for _ in range(random.randint(8, 16)):
        if amb_of[t] and random.random() < .4:
            sent.append(random.choice(amb_of[t]))
        else:
            sent.append(random.choice(words[t]))
        tags.append(t)
        t = random.choices(trans[t], weights=[8, 5, 2, 1, 1])[0] if random.random() < .95 else random.choice(TAGS)
    return sent, tags


training_data = [sample_sentence() for _ in range(1000)]
dev_data = [sample_sentence() for _ in range(80)]
word_to_ix = {}
for sent, _ in training_data + dev_data:
    for w in sent:
        word_to_ix.setdefault(w, len(word_to_ix))


def prepare_sequence(seq, to_ix):
    return torch.tensor([to_ix[w] for w in seq], dtype=torch.long)


if sys.argv[1] == "faulty":
    # These will usually be more like 32 or 64 dimensional.
    # We will keep them small, so we can see how the weights change as we train.
    EMBEDDING_DIM = 6
    HIDDEN_DIM = 6
else:
    EMBEDDING_DIM = 64
    HIDDEN_DIM = 64


class LSTMTagger(nn.Module):

    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super(LSTMTagger, self).__init__()
        self.hidden_dim = hidden_dim
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        tag_space = self.hidden2tag(lstm_out.view(len(sentence), -1))
        tag_scores = F.log_softmax(tag_space, dim=1)
        return tag_scores


model = LSTMTagger(EMBEDDING_DIM, HIDDEN_DIM, len(word_to_ix), len(tag_to_ix))
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_function)
data = [(prepare_sequence(s, word_to_ix), prepare_sequence(t, tag_to_ix)) for s, t in training_data]
dev = [(prepare_sequence(s, word_to_ix), prepare_sequence(t, tag_to_ix)) for s, t in dev_data]

for epoch in range(5):
    random.shuffle(data)
    total = 0.
    for sentence_in, targets in data:
        model.zero_grad()
        tag_scores = model(sentence_in)
        loss = loss_function(tag_scores, targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad(), writer.evaluating("val"):
        dl, hit, n = 0., 0, 0
        for sentence_in, targets in dev:
            s = model(sentence_in)
            dl += loss_function(s, targets).item()
            hit += (s.argmax(1) == targets).sum().item()
            n += len(targets)
    print("epoch", epoch, "train", total / len(data), "dev", dl / len(dev), "accuracy", hit / n)
writer.close()
print(f"RESULT train_loss={total / len(data):.4f} val_loss={dl / len(dev):.4f} val_acc={hit / n:.4f}")

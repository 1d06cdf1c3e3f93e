"""BiLSTM with a CRF on top for named entities, one sentence per update, the partition function and the
Viterbi search by hand, fixed transitions of -10000, SGD with weight decay, the initial hidden state
drawn at random for each sentence. Port of the PyTorch tutorial beginner_source/nlp/advanced_tutorial.py."""
import random
import sys
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
random.seed(1)
START_TAG, STOP_TAG = "<START>", "<STOP>"
EMBEDDING_DIM, HIDDEN_DIM = 16, 24


def log_sum_exp(m):
    mx = m.max(-1, keepdim=True).values
    return (mx + (m - mx).exp().sum(-1, keepdim=True).log()).squeeze(-1)


class BiLSTM_CRF(nn.Module):
    def __init__(self, vocab_size, tag_to_ix, embedding_dim, hidden_dim):
        super().__init__()
        self.hidden_dim, self.tag_to_ix, self.tagset_size = hidden_dim, tag_to_ix, len(tag_to_ix)
        self.word_embeds = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim // 2, num_layers=1, bidirectional=True)
        self.hidden2tag = nn.Linear(hidden_dim, self.tagset_size)
        # entry i,j: the score of going to i from j
        self.transitions = nn.Parameter(torch.randn(self.tagset_size, self.tagset_size))
        self.transitions.data[tag_to_ix[START_TAG], :] = -10000
        self.transitions.data[:, tag_to_ix[STOP_TAG]] = -10000

    def init_hidden(self):
        return (torch.randn(2, 1, self.hidden_dim // 2), torch.randn(2, 1, self.hidden_dim // 2))

    def _forward_alg(self, feats):
        alphas = torch.full((self.tagset_size,), -10000.)
        alphas[self.tag_to_ix[START_TAG]] = 0.
        for feat in feats:
            alphas = log_sum_exp(alphas[None, :] + self.transitions + feat[:, None])
        return log_sum_exp(alphas + self.transitions[self.tag_to_ix[STOP_TAG]])

    def _get_lstm_features(self, sentence):
        embeds = self.word_embeds(sentence).view(len(sentence), 1, -1)
        lstm_out, _ = self.lstm(embeds, self.init_hidden())
        return self.hidden2tag(lstm_out.view(len(sentence), self.hidden_dim))

    def _score_sentence(self, feats, tags):
        score = torch.zeros(1)
        tags = torch.cat([torch.tensor([self.tag_to_ix[START_TAG]]), tags])
        for i, feat in enumerate(feats):
            score = score + self.transitions[tags[i + 1], tags[i]] + feat[tags[i + 1]]
        return score + self.transitions[self.tag_to_ix[STOP_TAG], tags[-1]]

    def _viterbi_decode(self, feats):
        v = torch.full((self.tagset_size,), -10000.)
        v[self.tag_to_ix[START_TAG]] = 0
        back = []
        for feat in feats:
            best, idx = (v[None, :] + self.transitions).max(1)
            v = best + feat
            back.append(idx.tolist())
        v = v + self.transitions[self.tag_to_ix[STOP_TAG]]
        k = int(v.argmax())
        score, path = v[k], [k]
        for b in reversed(back):
            k = b[k]
            path.append(k)
        path.pop()
        return score, path[::-1]

    def neg_log_likelihood(self, sentence, tags):
        feats = self._get_lstm_features(sentence)
        return self._forward_alg(feats) - self._score_sentence(feats, tags)

    def forward(self, sentence):
        return self._viterbi_decode(self._get_lstm_features(sentence))


# ---- made-up news lines with company names; some words are names or not by their neighbours
HEADS = "union national first delta pioneer atlas summit harbor global united".split()
TAILS = "bank motors airlines foods systems energy journal holdings".split()
SINGLE = "acme zenith initech globex umbrella".split()
VERBS = "reported bought sold cut raised opened".split()
NOUNS = "profits shares plants jobs prices fares".split()
TIMES = "today yesterday tuesday friday".split()


def name():
    if random.random() < 0.4:
        return [(random.choice(SINGLE), "B")]
    n = [(random.choice(HEADS), "B")]
    if random.random() < 0.3:
        n.append((random.choice(HEADS), "I"))
    return n + [(random.choice(TAILS), "I")]


def filler():
    r = random.random()
    if r < 0.3:
        return [("the", "O"), (random.choice(HEADS), "O"), (random.choice(NOUNS), "O")]
    if r < 0.5:
        return [("its", "O"), (random.choice(TAILS), "O"), (random.choice(NOUNS), "O")]
    return [(random.choice(NOUNS), "O")]


def sentence():
    s = []
    if random.random() < 0.4:
        s += [("the", "O"), ("street", "O"), ("said", "O"), ("that", "O")]
    s += name() if random.random() < 0.8 else [("it", "O")]
    s += [(random.choice(VERBS), "O")] + filler()
    if random.random() < 0.4:
        s += [("from", "O")] + name()
    if random.random() < 0.5:
        s += [(random.choice(TIMES), "O")]
    return [w for w, _ in s], [t for _, t in s]


training_data = [sentence() for _ in range(400)]
test_data = [sentence() for _ in range(120)]
word_to_ix = {}
for s, _ in training_data + test_data:
    for w in s:
        word_to_ix.setdefault(w, len(word_to_ix))
tag_to_ix = {"B": 0, "I": 1, "O": 2, START_TAG: 3, STOP_TAG: 4}


def prepare(seq, to_ix):
    return torch.tensor([to_ix[w] for w in seq])


model = BiLSTM_CRF(len(word_to_ix), tag_to_ix, EMBEDDING_DIM, HIDDEN_DIM)
optimizer = optim.SGD(model.parameters(), lr=0.02, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

for epoch in range(8):
    total = 0.
    random.shuffle(training_data)
    for s, tags in training_data:
        model.zero_grad()
        loss = model.neg_log_likelihood(prepare(s, word_to_ix), prepare(tags, tag_to_ix))
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss.mean())
        total += loss.item()
    with torch.no_grad():
        ok = n = 0
        tl = 0.
        for s, tags in test_data:
            gold = prepare(tags, tag_to_ix)
            tl += model.neg_log_likelihood(prepare(s, word_to_ix), gold).item()
            pred = model(prepare(s, word_to_ix))[1]
            ok += pred == gold.tolist()
    print(f"epoch {epoch} nll {total / len(training_data):.4f} test nll {tl / len(test_data):.4f} whole sentences right {ok / len(test_data):.3f}")
writer.close()

"""GloVe: weighted least squares on the log co-occurrence counts with Adagrad (stanfordnlp/GloVe's objective, PyTorch ports)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
N_EPOCHS, BATCH_SIZE, EMBED_DIM, X_MAX, ALPHA, WINDOW, V = 20, 512, 12, 50, 0.75, 4, 200


def corpus(n_words, rng):
    """Words of 10 topics in runs, Zipf frequencies, function words in between."""
    topic = np.arange(V) % 10
    base = 1 / (np.arange(V) + 5.0)
    probs = []
    for k in range(10):
        p = base * np.where(np.arange(V) < 30, 2, np.where(topic == k, 6.0, np.where((topic + 1) % 10 == k, 0.8, 0.15)))
        probs.append(p / p.sum())
    out = []
    while len(out) < n_words:
        out.extend(rng.choice(V, rng.integers(20, 60), p=probs[rng.integers(10)]))
    return np.array(out[:n_words])


rng = np.random.default_rng(0)
text = corpus(200_000, rng)
cooc = np.zeros((V, V))
for d in range(1, WINDOW + 1):
    np.add.at(cooc, (text[:-d], text[d:]), 1 / d)
    np.add.at(cooc, (text[d:], text[:-d]), 1 / d)
i_idx, j_idx = np.nonzero(cooc)
ds = TensorDataset(torch.tensor(i_idx), torch.tensor(j_idx), torch.tensor(cooc[i_idx, j_idx], dtype=torch.float32))
print(len(ds), "pairs")


class GloveModel(nn.Module):
    def __init__(self, num_embeddings, embedding_dim):
        super(GloveModel, self).__init__()
        self.wi = nn.Embedding(num_embeddings, embedding_dim)
        self.wj = nn.Embedding(num_embeddings, embedding_dim)
        self.bi = nn.Embedding(num_embeddings, 1)
        self.bj = nn.Embedding(num_embeddings, 1)
        self.wi.weight.data.uniform_(-1, 1).div_(embedding_dim)
        self.wj.weight.data.uniform_(-1, 1).div_(embedding_dim)
        self.bi.weight.data.zero_()
        self.bj.weight.data.zero_()

    def forward(self, i_indices, j_indices):
        w_i, w_j = self.wi(i_indices), self.wj(j_indices)
        return torch.sum(w_i * w_j, dim=1) + self.bi(i_indices).squeeze() + self.bj(j_indices).squeeze()


def weight_func(x, x_max, alpha):
    wx = (x / x_max) ** alpha
    return torch.min(wx, torch.ones_like(wx))


def wmse_loss(weights, inputs, targets):
    return torch.mean(weights * (inputs - targets) ** 2)


glove = GloveModel(V, EMBED_DIM)
optimizer = optim.Adagrad(glove.parameters(), lr=0.2)
writer = DiagWriter(sys.argv[1])
writer.watch(glove, optimizer)
for e in range(1, N_EPOCHS + 1):
    losses = []
    for i, j, x_ij in DataLoader(ds, batch_size=BATCH_SIZE, shuffle=True):
        optimizer.zero_grad()
        outputs = glove(i, j)
        loss = wmse_loss(weight_func(x_ij, X_MAX, ALPHA), outputs, torch.log(x_ij))
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    E = nn.functional.normalize(glove.wi.weight.detach() + glove.wj.weight.detach())
    E = nn.functional.normalize(E - E.mean(0))
    near = (E[30:] @ E[30:].T).fill_diagonal_(-1).argmax(1) + 30
    print(f"Epoch {e}: loss {np.mean(losses):.5f} nearest neighbour of the same topic {(near % 10 == torch.arange(30, V) % 10).float().mean():.3f}")
writer.close()

# Deep Graph Infomax, execute.py of PetarV-/DGI on a made-up citation graph
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
np.random.seed(0); torch.manual_seed(0)

# training params
nb_epochs, patience, lr, l2_coef, hid_units = 600, 20, 0.001, 0.0, 64

# 7 fields, 1400 papers, 500 words
nb_nodes, nb_classes, ft_size = 1400, 7, 500
lab = np.random.choice(nb_classes, nb_nodes, p=[.3, .15, .15, .12, .1, .1, .08])
P = np.where(lab[:, None] == lab[None], 9.5 / nb_nodes, .45 / nb_nodes)
A = np.triu(np.random.rand(nb_nodes, nb_nodes) < P, 1); A = (A + A.T).astype(float)
topic = np.random.gamma(.12, 1, (nb_classes, ft_size)) + .06
topic /= topic.sum(1, keepdims=True)
X = np.stack([(np.random.poisson(18 * topic[c])) > 0 for c in lab]).astype(np.float32)
X /= np.maximum(X.sum(1, keepdims=True), 1)                    # preprocess_features: row-normalise
A += np.eye(nb_nodes); d = A.sum(1) ** -.5
adj = torch.tensor(A * d[:, None] * d[None], dtype=torch.float32).to_sparse()
features = torch.tensor(X)[None]
perm = np.random.permutation(nb_nodes)
idx_train, idx_test = torch.tensor(perm[:140]), torch.tensor(perm[400:])
labels = torch.tensor(lab)


class GCN(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.fc = nn.Linear(i, o, bias=False); self.act = nn.PReLU()
        self.bias = nn.Parameter(torch.zeros(o))
        nn.init.xavier_uniform_(self.fc.weight)
    def forward(self, seq, adj):
        return self.act(torch.unsqueeze(torch.sparse.mm(adj, torch.squeeze(self.fc(seq), 0)), 0) + self.bias)

class Discriminator(nn.Module):
    def __init__(self, n_h):
        super().__init__()
        self.f_k = nn.Bilinear(n_h, n_h, 1)
        nn.init.xavier_uniform_(self.f_k.weight); nn.init.zeros_(self.f_k.bias)
    def forward(self, c, h_pl, h_mi):
        c_x = c.unsqueeze(1).expand_as(h_pl).contiguous()
        return torch.cat((self.f_k(h_pl, c_x).squeeze(2), self.f_k(h_mi, c_x).squeeze(2)), 1)

class DGI(nn.Module):
    def __init__(self, n_in, n_h):
        super().__init__()
        self.gcn, self.disc = GCN(n_in, n_h), Discriminator(n_h)
    def forward(self, seq1, seq2, adj):
        h1 = self.gcn(seq1, adj)
        c = torch.sigmoid(h1.mean(1))
        return self.disc(c, h1, self.gcn(seq2, adj))
    def embed(self, seq, adj):
        return self.gcn(seq, adj).detach()

def log_reg(e):
    log = nn.Linear(hid_units, nb_classes); opt = torch.optim.Adam(log.parameters(), lr=0.01)
    for _ in range(300):
        opt.zero_grad(); xent(log(e[0, idx_train]), labels[idx_train]).backward(); opt.step()
    return (log(e[0, idx_test]).argmax(1) == labels[idx_test]).float().mean().item()

model = DGI(ft_size, hid_units)
optimiser = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=l2_coef)
b_xent, xent = nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()
acc0 = log_reg(model.embed(features, adj) * 30)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimiser, b_xent)
cnt_wait, best, best_t = 0, 1e9, 0
lbl = torch.cat((torch.ones(1, nb_nodes), torch.zeros(1, nb_nodes)), 1)
for epoch in range(nb_epochs):
    model.train()
    optimiser.zero_grad()
    shuf_fts = features[:, np.random.permutation(nb_nodes), :]
    loss = b_xent(model(features, shuf_fts, adj), lbl)
    if epoch % 50 == 0: print('Loss:', epoch, loss.item())
    if loss.item() < best:
        best, best_t, cnt_wait = loss.item(), epoch, 0
        state = {k: v.clone() for k, v in model.state_dict().items()}
    else:
        cnt_wait += 1
    if cnt_wait == patience:
        print('Early stopping!', epoch); break
    loss.backward()
    optimiser.step()
writer.close()
model.load_state_dict(state)
print(f"RESULT loss {best:.4f} at {best_t}, linear probe {log_reg(model.embed(features, adj)):.4f} (untrained encoder {acc0:.4f})")

# Deep Knowledge Tracing (Piech et al. 2015): LSTM reads (skill, correct) pairs, predicts whether the next exercise will be right
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2015)
rng = np.random.default_rng(2015)
NUM_SKILLS, T = 20, 60


def students(n):
    """BKT-like students: ability, per-skill knowledge that grows with practice, guess and slip."""
    skills, right, p_true = np.zeros((n, T), int), np.zeros((n, T), int), np.zeros((n, T))
    difficulty = np.linspace(-1.2, 1.2, NUM_SKILLS)
    for s in range(n):
        ability, know, cur = rng.normal(), np.zeros(NUM_SKILLS), rng.integers(NUM_SKILLS)
        for t in range(T):
            if rng.random() < .25:
                cur = rng.integers(NUM_SKILLS)
            p = .15 + .8 / (1 + np.exp(-(1.3 * ability - difficulty[cur] + know[cur])))
            skills[s, t], right[s, t], p_true[s, t] = cur, rng.random() < p, p
            know[cur] += .25
    return torch.tensor(skills), torch.tensor(right), p_true


class DKT(nn.Module):
    def __init__(self, num_q, emb_size=32, hidden_size=48):
        super().__init__()
        self.num_q = num_q
        self.interaction_emb = nn.Embedding(num_q * 2, emb_size)
        self.lstm_layer = nn.LSTM(emb_size, hidden_size, batch_first=True)
        self.out_layer = nn.Linear(hidden_size, num_q)
        self.dropout_layer = nn.Dropout(.2)

    def forward(self, q, r):
        h, _ = self.lstm_layer(self.interaction_emb(q + self.num_q * r))
        return self.out_layer(self.dropout_layer(h))


q_tr, r_tr, _ = students(2400)
q_va, r_va, p_va = students(250)
model = DKT(NUM_SKILLS)
opt = torch.optim.Adam(model.parameters(), lr=0.002)
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, bce)


def predict(q, r):
    y = model(q[:, :-1], r[:, :-1])
    return y.gather(2, q[:, 1:, None]).squeeze(2)


for epoch in range(1, 11):
    model.train()
    loss_mean = []
    for b in torch.randperm(len(q_tr)).split(32):
        opt.zero_grad()
        loss = bce(predict(q_tr[b], r_tr[b]), r_tr[b, 1:].float())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.)
        opt.step()
        loss_mean.append(loss.item())
    with writer.evaluating("val"):
        model.eval()
        y = predict(q_va, r_va)
        v = bce(y, r_va[:, 1:].float()).item()
    auc = roc_auc_score(r_va[:, 1:].flatten(), y.flatten())
    print("Epoch: {},   AUC: {:.4f},   Loss Mean: {:.4f} val {:.4f}".format(epoch, auc, np.mean(loss_mean), v))
writer.close()
p = p_va[:, 1:]; t = r_va[:, 1:].numpy()
print(f"RESULT train {np.mean(loss_mean):.4f} val {v:.4f} auc {auc:.3f} | true model {-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean():.4f} auc {roc_auc_score(t.ravel(), p.ravel()):.3f} share right {t.mean():.2f}")

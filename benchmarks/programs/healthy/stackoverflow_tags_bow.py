"""Predict the tags of a question from its title: multi-label, binary bag of words, BCEWithLogits."""
import argparse
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

TAGS = {
    "python": "list dict pip import decorator lambda self tuple generator venv def".split(),
    "pandas": "dataframe groupby merge column index csv pivot rows nan concat".split(),
    "numpy": "array shape broadcast matrix dot reshape axis slice dtype vectorize".split(),
    "matplotlib": "plot axis legend figure subplot colorbar ticks scatter title savefig".split(),
    "javascript": "function callback promise array undefined closure async dom event json".split(),
    "jquery": "selector click ajax div append hide event animate form dom".split(),
    "html": "div form table tag input link css image href page".split(),
    "css": "flex margin center div background hover width grid float font".split(),
    "sql": "join select table index group query rows where insert column".split(),
    "mysql": "table query connection insert index foreign key charset dump rows".split(),
    "java": "class static interface null exception array thread string maven generics".split(),
    "spring": "bean autowired boot controller transaction annotation maven rest config service".split(),
    "git": "commit branch merge rebase push remote stash conflict log revert".split(),
    "linux": "bash permission process file grep cron sudo mount path shell".split(),
    "docker": "container image volume port compose build network run mount registry".split(),
}
TOGETHER = {"pandas": "python", "numpy": "python", "matplotlib": "python", "jquery": "javascript", "css": "html",
            "mysql": "sql", "spring": "java", "docker": "linux"}
FILLER = "how to in with the a using why does not work error when i get from is can what best way of and for multiple value change two set".split()


def make_questions(n, rng):
    names = list(TAGS)
    titles, tags = [], []
    for _ in range(n):
        t = {names[rng.choice(len(names))]}
        for k in list(t):
            if k in TOGETHER and rng.random() < .6:
                t.add(TOGETHER[k])
        if rng.random() < .12:
            t.add(names[rng.choice(len(names))])
        words = []
        for k in t:
            words += list(rng.choice(TAGS[k], rng.integers(1, 4), replace=False))
            if rng.random() < .25:
                words.append(k)
        words += list(rng.choice(FILLER, rng.integers(3, 8)))
        rng.shuffle(words)
        titles.append(" ".join(words))
        if rng.random() < .05 and len(t) > 1:      # askers forget a tag
            t.pop()
        tags.append([int(k in t) for k in names])
    return titles, np.array(tags)


class Questions(Dataset):
    def __init__(self, X, y):
        self.X, self.y = X.toarray().astype("float32"), y

    def __len__(self):
        return self.X.shape[0]

    def __getitem__(self, i):
        return torch.from_numpy(self.X[i]), torch.from_numpy(self.y[i]).float()


class TagNet(nn.Module):
    def __init__(self, vocab, hidden, tags, p):
        super().__init__()
        self.fc1 = nn.Linear(vocab, hidden)
        self.fc2 = nn.Linear(hidden, tags)
        self.p = p

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.dropout(x, self.p, self.training)
        return self.fc2(x)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("logdir")
    ap.add_argument("--lr", type=float, default=4e-3)
    ap.add_argument("--batch-size", type=int, default=32)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    epochs = 8

    titles, tags = make_questions(5000, np.random.default_rng(5))
    print(titles[0], tags[0])
    tr_t, va_t, tr_y, va_y = train_test_split(titles, tags, test_size=.2, random_state=0)
    cv = CountVectorizer(binary=True, min_df=2)
    tr_x, va_x = cv.fit_transform(tr_t), cv.transform(va_t)
    train_loader = DataLoader(Questions(tr_x, tr_y), args.batch_size, shuffle=True)
    val_loader = DataLoader(Questions(va_x, va_y), 256)

    net = TagNet(tr_x.shape[1], 64, tags.shape[1], .3)
    opt = torch.optim.Adam(net.parameters(), lr=args.lr)
    bce = nn.BCEWithLogitsLoss()
    sched = torch.optim.lr_scheduler.LinearLR(opt, 1., .05, total_iters=epochs)
    writer = DiagWriter(args.logdir)
    writer.watch(net, opt, bce)

    for ep in range(epochs):
        net.train()
        losses = []
        for x, y in train_loader:
            opt.zero_grad()
            loss = bce(net(x), y)
            loss.backward()
            opt.step()
            losses.append(loss.item())
        sched.step()
        net.eval()
        P, Y, vl = [], [], 0
        with torch.no_grad():
            with writer.evaluating("val"):
                for x, y in val_loader:
                    o = net(x)
                    vl += bce(o, y).item() * len(x)
                    P.append((o > 0).int()); Y.append(y)
        f1 = f1_score(torch.cat(Y), torch.cat(P), average="micro")
        print(f"epoch {ep} train {np.mean(losses):.4f} val {vl / len(va_y):.4f} micro F1 {f1:.3f}")
    writer.close()
    print(f"RESULT train={np.mean(losses):.4f} val={vl/len(va_y):.4f} f1={f1:.3f}")


if __name__ == "__main__":
    main()

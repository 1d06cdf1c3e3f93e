"""Word breaks in run-together identifiers.

Names are read from the standard library (get_close_matches -> "getclosematches"), the underscores are
removed and a BiLSTM says after which letters one stood.
"""
import keyword, os, random, re, sys, sysconfig
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

SEED, EMB, HID, EPOCHS, BATCH, LR = 13, 24, 64, 14, 64, 1e-2


def read_names():
    lib = sysconfig.get_paths()["stdlib"]
    names = set()
    for fn in sorted(os.listdir(lib)):
        if fn.endswith(".py"):
            text = open(os.path.join(lib, fn), encoding="utf8", errors="ignore").read()
            names.update(re.findall(r"\b[a-z]{2,}(?:_[a-z]{2,})+\b", text))
    return sorted(n for n in names if len(n) < 30)


def encode(name):
    xs, ys = [], []
    for ch in name:
        if ch == "_":
            ys[-1] = 1.0
        else:
            xs.append(ord(ch) - 96)
            ys.append(0.0)
    return torch.tensor(xs), torch.tensor(ys)


def collate(items):
    x = pad_sequence([a for a, _ in items], batch_first=True)
    y = pad_sequence([b for _, b in items], batch_first=True, padding_value=-1.0)
    return x, y


class Splitter(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(27, EMB, padding_idx=0)
        self.rnn = nn.LSTM(EMB, HID, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(2 * HID, 1)

    def forward(self, x):
        h, _ = self.rnn(nn.functional.dropout(self.emb(x), 0.1, self.training))
        return self.out(self.drop(h)).squeeze(-1)


class MaskedBCE(nn.Module):
    def forward(self, logits, y):
        keep = y >= 0
        return nn.functional.binary_cross_entropy_with_logits(logits[keep], y[keep])


def f1(model, loader):
    tp = fp = fn = 0
    for x, y in loader:
        p = model(x) > 0
        keep = y >= 0
        t = y > 0.5
        tp += (p & t & keep).sum().item()
        fp += (p & ~t & keep).sum().item()
        fn += (~p & t & keep).sum().item()
    return 2 * tp / max(1, 2 * tp + fp + fn)


def main(logdir):
    torch.manual_seed(SEED)
    random.seed(SEED)
    torch.set_num_threads(1)
    names = read_names()
    random.shuffle(names)
    pairs = [encode(n) for n in names]
    cut = int(0.85 * len(pairs))
    train = DataLoader(pairs[:cut], BATCH, shuffle=True, collate_fn=collate)
    val = DataLoader(pairs[cut:], 256, collate_fn=collate)
    model = Splitter()
    opt = torch.optim.Adam(model.parameters(), lr=LR)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(train))
    loss_fn = MaskedBCE()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, loss_fn)
    for epoch in range(EPOCHS):
        model.train()
        for x, y in train:
            opt.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            opt.step()
            sched.step()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            tot = [loss_fn(model(x), y).item() for x, y in val]
        with torch.no_grad():
            score = f1(model, val)
        print(f"epoch {epoch} train {loss.item():.4f} val {sum(tot) / len(tot):.4f} f1 {score:.3f}")
    writer.close()
    print("RESULT names", len(names), "val_loss", round(sum(tot) / len(tot), 4), "val_f1", round(score, 4))


if __name__ == "__main__":
    main(sys.argv[1])

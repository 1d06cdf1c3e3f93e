"""Multimodal named entity recognition: text encoder with visual prefix gates, fc and CRF (HVPNeT-like trainer)."""
import argparse, logging, sys
import numpy as np
import torch
import torch.nn as nn
from torch import optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
logger = logging.getLogger(__name__)
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


class CRF(nn.Module):
    def __init__(self, num_tags):
        super().__init__()
        self.start_transitions = nn.Parameter(torch.empty(num_tags).uniform_(-0.1, 0.1))
        self.end_transitions = nn.Parameter(torch.empty(num_tags).uniform_(-0.1, 0.1))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags).uniform_(-0.1, 0.1))

    def forward(self, em, tags, mask):
        """log likelihood, mean over the batch"""
        b, T, _ = em.shape
        ar = torch.arange(b)
        score = self.start_transitions[tags[:, 0]] + em[ar, 0, tags[:, 0]]
        alpha = self.start_transitions + em[:, 0]
        for t in range(1, T):
            m = mask[:, t]
            score = score + (self.transitions[tags[:, t - 1], tags[:, t]] + em[ar, t, tags[:, t]]) * m
            nxt = torch.logsumexp(alpha.unsqueeze(2) + self.transitions + em[:, t].unsqueeze(1), dim=1)
            alpha = torch.where(m.unsqueeze(1) > 0, nxt, alpha)
        last = mask.sum(1).long() - 1
        score = score + self.end_transitions[tags[ar, last]]
        return (score - torch.logsumexp(alpha + self.end_transitions, 1)).mean()

    def decode(self, em, mask):
        b, T, K = em.shape
        v, back = self.start_transitions + em[:, 0], []
        for t in range(1, T):
            s = v.unsqueeze(2) + self.transitions
            best, idx = s.max(1)
            m = mask[:, t].unsqueeze(1) > 0
            back.append(torch.where(m, idx, torch.arange(K).expand(b, K)))
            v = torch.where(m, best + em[:, t], v)
        cur = (v + self.end_transitions).argmax(1)
        path = [cur]
        for bp in reversed(back):
            cur = bp.gather(1, cur.unsqueeze(1)).squeeze(1)
            path.append(cur)
        return torch.stack(path[::-1], 1)


class HMNeTNERModel(nn.Module):
    def __init__(self, vocab=400, dim=48, num_labels=len(LABELS), img_dim=16):
        super().__init__()
        self.bert_embeddings = nn.Embedding(vocab, dim, padding_idx=0)
        self.bert_position = nn.Embedding(24, dim)
        self.bert = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, 4, 96, 0.1, batch_first=True, norm_first=True), 2, enable_nested_tensor=False)
        self.encoder_conv = nn.Sequential(nn.Linear(img_dim, 64), nn.Tanh(), nn.Linear(64, 2 * dim))
        self.gates = nn.Linear(dim, 2)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(dim, num_labels)
        self.crf = CRF(num_labels)

    def forward(self, input_ids, attention_mask, labels, images):
        b, T = input_ids.shape
        x = self.bert_embeddings(input_ids) + self.bert_position(torch.arange(T))
        prompt = self.encoder_conv(images).view(b, 2, -1)
        gate = torch.softmax(nn.functional.leaky_relu(self.gates(prompt.mean(1))), -1).unsqueeze(-1)
        h = torch.cat([prompt * gate, x], 1)
        pad = torch.cat([torch.zeros(b, 2, dtype=torch.bool), attention_mask == 0], 1)
        h = self.bert(h, src_key_padding_mask=pad)[:, 2:]
        emissions = self.fc(self.dropout(h))
        logits = self.crf.decode(emissions.detach(), attention_mask)
        loss = -self.crf(emissions, labels, attention_mask.float())
        return logits, loss


def make_twitter(n, seed, T=20):
    rs = np.random.RandomState(seed)
    gaz = {"PER": np.arange(100, 160), "LOC": np.arange(160, 220), "ORG": np.arange(220, 280)}
    amb = np.arange(280, 320)                                 # the picture or the context tells what these are
    cue = {"PER": [10, 11, 12], "LOC": [13, 14, 15], "ORG": [16, 17, 18]}
    ids, tags, mask, imgs = np.zeros((n, T), int), np.zeros((n, T), int), np.zeros((n, T), int), np.zeros((n, 16), np.float32)
    world = np.random.RandomState(0).normal(0, 1, (3, 16))
    kinds = ["PER", "LOC", "ORG"]
    for i in range(n):
        L, t, topic = rs.randint(9, T + 1), 0, rs.randint(3)
        while t < L:
            if rs.rand() < 0.28 and t + 3 <= L:
                k = kinds[topic] if rs.rand() < 0.5 else kinds[rs.randint(3)]
                if rs.rand() < 0.6:
                    ids[i, t] = rs.choice(cue[k]); t += 1
                ambiguous = rs.rand() < 0.3
                if ambiguous:
                    k = kinds[topic] if ids[i, t - 1] > 18 or t == 0 else k
                for j in range(rs.randint(1, 3)):
                    ids[i, t] = rs.choice(amb if ambiguous else gaz[k])
                    tags[i, t] = LABELS.index(("B-" if j == 0 else "I-") + k); t += 1
                    if t >= L: break
            else:
                ids[i, t] = rs.randint(20, 100); t += 1
        mask[i, :L] = 1
        imgs[i] = world[topic] + rs.normal(0, 0.6, 16)
    return TensorDataset(torch.tensor(ids), torch.tensor(mask), torch.tensor(tags), torch.tensor(imgs))


def get_linear_schedule_with_warmup(optimizer, num_warmup_steps, num_training_steps):
    return optim.lr_scheduler.LambdaLR(optimizer, lambda s: s / max(1, num_warmup_steps) if s < num_warmup_steps
                                       else max(0.0, (num_training_steps - s) / max(1, num_training_steps - num_warmup_steps)))


class NERTrainer:
    def __init__(self, train_data, dev_data, model, args):
        self.train_data, self.dev_data, self.model, self.args = train_data, dev_data, model, args
        self.train_num_steps = len(train_data) * args.num_epochs
        self.step, self.best_dev_metric = 0, 0
        self.multiModal_before_train()
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer)

    def multiModal_before_train(self):
        # bert lr
        parameters = []
        params = {'lr': self.args.lr, 'weight_decay': 1e-2}
        params['params'] = []
        for name, param in self.model.named_parameters():
            if 'bert' in name:
                params['params'].append(param)
        parameters.append(params)

        # prompt lr
        params = {'lr': self.args.lr, 'weight_decay': 1e-2}
        params['params'] = []
        for name, param in self.model.named_parameters():
            if 'encoder_conv' in name or 'gates' in name:
                params['params'].append(param)
        parameters.append(params)

        # crf lr
        params = {'lr': 5e-2, 'weight_decay': 1e-2}
        params['params'] = []
        for name, param in self.model.named_parameters():
            if 'crf' in name or name.startswith('fc'):
                params['params'].append(param)
        if form == "fixed":
            parameters.append(params)

        self.optimizer = optim.AdamW(parameters)
        self.scheduler = get_linear_schedule_with_warmup(self.optimizer, self.args.warmup_ratio * self.train_num_steps, self.train_num_steps)

    def _step(self, batch):
        input_ids, attention_mask, labels, images = batch
        logits, loss = self.model(input_ids=input_ids, attention_mask=attention_mask, labels=labels, images=images)
        return attention_mask, labels, logits, loss

    def train(self):
        for epoch in range(1, self.args.num_epochs + 1):
            self.model.train()
            avg_loss = 0
            for batch in self.train_data:
                self.step += 1
                _, _, _, loss = self._step(batch)
                self.writer.add_loss("train", loss)
                avg_loss += loss.detach().item()
                loss.backward()
                self.optimizer.step()
                self.scheduler.step()
                self.optimizer.zero_grad()
            self.evaluate(epoch, avg_loss / len(self.train_data))
        self.writer.close()

    def evaluate(self, epoch, train_loss):
        self.model.eval()
        total, tp, np_, nt = 0, 0, 0, 0
        with torch.no_grad():
            for batch in self.dev_data:
                mask, labels, logits, loss = self._step(batch)
                total += loss.item()
                m = mask == 1
                tp += ((logits == labels) & (labels > 0) & m).sum().item()
                np_ += ((logits > 0) & m).sum().item(); nt += ((labels > 0) & m).sum().item()
        f1 = 2 * tp / max(1, np_ + nt)
        self.writer.add_loss("val", total / len(self.dev_data))
        self.best_dev_metric = max(f1, self.best_dev_metric)
        logger.info("Epoch {}/{}, train loss: {:.4f}, dev loss: {:.4f}, best dev f1: {:.4f}, current dev f1 score: {:.4f}.".format(
            epoch, self.args.num_epochs, train_loss, total / len(self.dev_data), self.best_dev_metric, f1))


parser = argparse.ArgumentParser()
parser.add_argument('--num_epochs', default=7, type=int)
parser.add_argument('--batch_size', default=16, type=int)
parser.add_argument('--lr', default=2e-3, type=float)
parser.add_argument('--warmup_ratio', default=0.05, type=float)
args = parser.parse_args([])
torch.manual_seed(1234)
trainer = NERTrainer(DataLoader(make_twitter(1500, 1), batch_size=args.batch_size, shuffle=True),
                     DataLoader(make_twitter(250, 2), batch_size=64), HMNeTNERModel(), args)
trainer.train()

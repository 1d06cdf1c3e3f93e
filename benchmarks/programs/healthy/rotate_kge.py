"""RotatE on a kinship graph, KnowledgeGraphEmbedding style: static train_step, self-adversarial negative sampling."""
import logging, sys
from types import SimpleNamespace
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


class KGEModel(nn.Module):
    def __init__(self, nentity, nrelation, hidden_dim, gamma):
        super().__init__()
        self.epsilon = 2.0
        self.gamma = nn.Parameter(torch.Tensor([gamma]), requires_grad=False)
        self.embedding_range = nn.Parameter(torch.Tensor([(self.gamma.item() + self.epsilon) / hidden_dim]), requires_grad=False)
        self.entity_embedding = nn.Parameter(torch.zeros(nentity, hidden_dim * 2))
        self.relation_embedding = nn.Parameter(torch.zeros(nrelation, hidden_dim))
        for e in (self.entity_embedding, self.relation_embedding):
            nn.init.uniform_(e, -self.embedding_range.item(), self.embedding_range.item())

    def forward(self, sample, mode='single'):
        if mode == 'single':
            head, relation, tail = self.entity_embedding[sample[:, 0]].unsqueeze(1), self.relation_embedding[sample[:, 1]].unsqueeze(1), self.entity_embedding[sample[:, 2]].unsqueeze(1)
        else:
            pos, neg = sample
            relation = self.relation_embedding[pos[:, 1]].unsqueeze(1)
            head = self.entity_embedding[neg] if mode == 'head-batch' else self.entity_embedding[pos[:, 0]].unsqueeze(1)
            tail = self.entity_embedding[neg] if mode == 'tail-batch' else self.entity_embedding[pos[:, 2]].unsqueeze(1)
        return self.RotatE(head, relation, tail, mode)

    def RotatE(self, head, relation, tail, mode):
        pi = 3.14159262358979323846
        re_head, im_head = torch.chunk(head, 2, dim=2)
        re_tail, im_tail = torch.chunk(tail, 2, dim=2)
        phase_relation = relation / (self.embedding_range.item() / pi)
        re_relation, im_relation = torch.cos(phase_relation), torch.sin(phase_relation)
        if mode == 'head-batch':
            re_score = re_relation * re_tail + im_relation * im_tail - re_head
            im_score = re_relation * im_tail - im_relation * re_tail - im_head
        else:
            re_score = re_head * re_relation - im_head * im_relation - re_tail
            im_score = re_head * im_relation + im_head * re_relation - im_tail
        score = torch.stack([re_score, im_score], dim=0).norm(dim=0)
        return self.gamma.item() - score.sum(dim=2)

    @staticmethod
    def loss(model, batch, args):
        positive_sample, negative_sample, subsampling_weight, mode = batch
        negative_score = model((positive_sample, negative_sample), mode=mode)
        negative_score = (F.softmax(negative_score * args.adversarial_temperature, dim=1).detach() * F.logsigmoid(-negative_score)).sum(dim=1)
        positive_score = F.logsigmoid(model(positive_sample)).squeeze(dim=1)
        positive_sample_loss = - (subsampling_weight * positive_score).sum() / subsampling_weight.sum()
        negative_sample_loss = - (subsampling_weight * negative_score).sum() / subsampling_weight.sum()
        return positive_sample_loss, negative_sample_loss

    @staticmethod
    def train_step(model, optimizer, train_iterator, args):
        model.train()
        optimizer.zero_grad()
        positive_sample_loss, negative_sample_loss = KGEModel.loss(model, next(train_iterator), args)
        loss = (positive_sample_loss + negative_sample_loss) / 2
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
        return {'positive_sample_loss': positive_sample_loss.item(), 'negative_sample_loss': negative_sample_loss.item(), 'loss': loss.item()}

    @staticmethod
    @torch.no_grad()
    def test_step(model, triples, filt):
        model.eval()
        allent = torch.arange(model.entity_embedding.shape[0]).expand(len(triples), -1)
        logs = []
        for mode, col in (('head-batch', 0), ('tail-batch', 2)):
            score = model((triples, allent), mode) - 1e6 * filt[mode]
            true = score.gather(1, triples[:, col:col + 1])
            rank = (score > true).sum(1) + 1
            logs.append(rank.float())
        r = torch.cat(logs)
        return {'MRR': (1 / r).mean().item(), 'HITS@1': (r <= 1).float().mean().item(), 'HITS@10': (r <= 10).float().mean().item()}


def kinship(n_family=20, seed=3):
    """three generations a family; relations: parent, child, sibling, spouse, grandparent, grandchild, cousin, uncle/aunt"""
    rs = np.random.RandomState(seed)
    tr, base = [], 0
    for _ in range(n_family):
        gp = [base, base + 1]; kids = list(range(base + 2, base + 2 + rs.randint(2, 4))); nxt = kids[-1] + 1
        fam = []
        tr += [(gp[0], 3, gp[1]), (gp[1], 3, gp[0])]
        for k in kids:
            sp = nxt; nxt += 1
            ch = list(range(nxt, nxt + rs.randint(1, 4))); nxt = ch[-1] + 1
            fam.append(ch)
            tr += [(k, 3, sp), (sp, 3, k)]
            for g in gp:
                tr += [(g, 0, k), (k, 1, g)]
                for c in ch: tr += [(g, 4, c), (c, 5, g)]
            for par in (k, sp):
                for c in ch: tr += [(par, 0, c), (c, 1, par)]
            for a in ch:
                for b in ch:
                    if a != b: tr.append((a, 2, b))
        for i, k in enumerate(kids):
            for j, l in enumerate(kids):
                if i != j:
                    tr.append((k, 2, l))
                    for c in fam[j]: tr.append((k, 7, c))
                    for a in fam[i]:
                        for b in fam[j]: tr.append((a, 6, b))
        base = nxt
    return np.array(tr), base, 8


args = SimpleNamespace(batch_size=128, negative_sample_size=16, hidden_dim=32, gamma=6.0, adversarial_temperature=1.0,
                       learning_rate=0.02, max_steps=1200, warm_up_steps=800, valid_steps=200, log_steps=100)
triples, nentity, nrelation = kinship()
triples = triples[np.random.permutation(len(triples))]
n_valid = len(triples) // 10
valid, train = torch.tensor(triples[:n_valid]), torch.tensor(triples[n_valid:])
logging.info('#entity %d #relation %d #train %d #valid %d' % (nentity, nrelation, len(train), len(valid)))
true_tail, true_head, count = {}, {}, {}
for h, r, t in triples:
    true_tail.setdefault((h, r), set()).add(t); true_head.setdefault((r, t), set()).add(h)
for h, r, t in train.tolist():
    count[(h, r)] = count.get((h, r), 4) + 1; count[(t, -r - 1)] = count.get((t, -r - 1), 4) + 1
weight = torch.tensor([(1 / (count[(h, r)] + count[(t, -r - 1)])) ** 0.5 for h, r, t in train.tolist()])
filt = {'head-batch': torch.zeros(n_valid, nentity), 'tail-batch': torch.zeros(n_valid, nentity)}
for i, (h, r, t) in enumerate(valid.tolist()):
    filt['head-batch'][i, [a for a in true_head[(r, t)] if a != h]] = 1
    filt['tail-batch'][i, [a for a in true_tail[(h, r)] if a != t]] = 1
mask = {'head-batch': torch.zeros(len(train), nentity, dtype=torch.bool), 'tail-batch': torch.zeros(len(train), nentity, dtype=torch.bool)}
for i, (h, r, t) in enumerate(train.tolist()):
    mask['head-batch'][i, list(true_head[(r, t)])] = True
    mask['tail-batch'][i, list(true_tail[(h, r)])] = True


def bidirectional_iterator():
    step = 0
    while True:
        for idx in torch.randperm(len(train)).split(args.batch_size):
            mode = 'head-batch' if step % 2 == 0 else 'tail-batch'
            step += 1
            prob = (~mask[mode][idx]).float()
            yield train[idx], torch.multinomial(prob, args.negative_sample_size, replacement=True), weight[idx], mode


writer = DiagWriter(sys.argv[1])
kge_model = KGEModel(nentity, nrelation, args.hidden_dim, args.gamma)
current_learning_rate, warm_up_steps = args.learning_rate, args.warm_up_steps
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, kge_model.parameters()), lr=current_learning_rate)
writer.watch(kge_model, optimizer)
it, training_logs = bidirectional_iterator(), []
for step in range(args.max_steps):
    training_logs.append(kge_model.train_step(kge_model, optimizer, it, args))
    if step >= warm_up_steps:
        current_learning_rate = current_learning_rate / 10
        logging.info('Change learning_rate to %f at step %d' % (current_learning_rate, step))
        for g in optimizer.param_groups:
            g['lr'] = current_learning_rate
        warm_up_steps = warm_up_steps * 3
    if (step + 1) % args.log_steps == 0:
        logging.info('Training average at step %d: ' % (step + 1) + ' '.join('%s %.4f' % (k, sum(l[k] for l in training_logs) / len(training_logs)) for k in training_logs[0]))
        training_logs = []
    if (step + 1) % args.valid_steps == 0:
        metrics = kge_model.test_step(kge_model, valid, filt)
        logging.info('Valid at step %d: ' % (step + 1) + ' '.join('%s %.4f' % kv for kv in metrics.items()))
writer.close()

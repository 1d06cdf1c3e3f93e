# toy DETR: object queries + cross attention on a small conv feature map, set loss with matching,
# engine-style train_one_epoch with gradient clipping
import argparse
import itertools
import math
import sys

import torch
import torch.nn.functional as F
from torch import nn

from tb_lossdiag import DiagWriter


def get_args():
    p = argparse.ArgumentParser("Set transformer detector", add_help=False)
    p.add_argument("form")
    p.add_argument("logdir")
    p.add_argument("--lr", default=1.5e-3, type=float)
    p.add_argument("--weight_decay", default=1e-4, type=float)
    p.add_argument("--clip_max_norm", default=0.0, type=float)
    p.add_argument("--epochs", default=10, type=int)
    p.add_argument("--batch_size", default=32, type=int)
    p.add_argument("--hidden_dim", default=32, type=int)
    return p.parse_args()


def make_scenes(n, gen):
    """24x24 grey images, exactly two objects out of three kinds (square, disc, cross)"""
    S = 24
    img = 0.1 * torch.randn(n, 1, S, S, generator=gen)
    box = torch.zeros(n, 2, 4)
    cls = torch.randint(0, 3, (n, 2), generator=gen)
    yy, xx = torch.meshgrid(torch.arange(S), torch.arange(S), indexing="ij")
    for i in range(n):
        for k in range(2):
            r = 2 + 2 * torch.rand(1, generator=gen).item()
            lo, hi = (r, 11 - r) if k == 0 else (12 + r, 23 - r)
            cx = lo + (hi - lo) * torch.rand(1, generator=gen).item()
            cy = r + (S - 1 - 2 * r) * torch.rand(1, generator=gen).item()
            dx, dy = (xx - cx).abs(), (yy - cy).abs()
            c = cls[i, k]
            m = (torch.maximum(dx, dy) <= r) if c == 0 else (dx ** 2 + dy ** 2 <= r * r) if c == 1 else \
                ((dx <= r) & (dy <= 0.8)) | ((dy <= r) & (dx <= 0.8))
            img[i, 0][m] += 1.0
            box[i, k] = torch.tensor([cx / S, cy / S, 2 * r / S, 2 * r / S])
    return img, cls, box


class MiniDETR(nn.Module):
    def __init__(self, d, num_queries=2, num_classes=3):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, d, 3, 1, 1))
        self.pos = nn.Parameter(torch.randn(36, d) * 0.1)
        self.query_embed = nn.Embedding(num_queries, d)
        self.encoder = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0., batch_first=True)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(d, 4, 2 * d, dropout=0., batch_first=True), 2)
        self.class_embed = nn.Linear(d, num_classes)
        self.bbox_embed = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 4))

    def forward(self, x):
        f = self.backbone(x).flatten(2).transpose(1, 2) + self.pos
        m = self.encoder(f)
        h = self.decoder(self.query_embed.weight.expand(len(x), -1, -1), m)
        return self.class_embed(h), self.bbox_embed(h).sigmoid()


class SetCriterion(nn.Module):
    """two queries, two objects: take the cheaper of both assignments"""
    def forward(self, outputs, cls, box):
        logits, boxes = outputs
        best = None
        for perm in itertools.permutations(range(2)):
            lc = F.cross_entropy(logits[:, perm].flatten(0, 1), cls.flatten(), reduction="none").view(-1, 2).sum(1)
            lb = 5 * (boxes[:, perm] - box).abs().sum((1, 2))
            t = lc + lb
            best = t if best is None else torch.minimum(best, t)
        return best.mean() / 2


def train_one_epoch(model, criterion, data, optimizer, args):
    model.train()
    img, cls, box = data
    total = 0.
    order = torch.randperm(len(img))
    for i in range(0, len(img), args.batch_size):
        j = order[i:i + args.batch_size]
        losses = criterion(model(img[j]), cls[j], box[j])
        if not math.isfinite(losses.item()):
            print("Loss is {}, stopping training".format(losses.item()))
            sys.exit(1)
        if args.form == "fixed":
            optimizer.zero_grad()
        losses.backward()
        if args.clip_max_norm > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip_max_norm)
        optimizer.step()
        total += losses.item() * len(j)
    return total / len(img)


@torch.no_grad()
def evaluate(model, criterion, data):
    model.eval()
    img, cls, box = data
    outputs = model(img)
    logits, boxes = outputs
    o = boxes[..., 0].argsort(1)           # left object first
    logits = torch.gather(logits, 1, o[..., None].expand(-1, -1, 3))
    boxes = torch.gather(boxes, 1, o[..., None].expand(-1, -1, 4))
    lt = torch.maximum(boxes[..., :2] - boxes[..., 2:] / 2, box[..., :2] - box[..., 2:] / 2)
    rb = torch.minimum(boxes[..., :2] + boxes[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2)
    inter = (rb - lt).clamp(min=0).prod(-1)
    iou = inter / (boxes[..., 2:].prod(-1) + box[..., 2:].prod(-1) - inter)
    return criterion(outputs, cls, box).item(), (logits.argmax(-1) == cls).float().mean().item(), iou.mean().item()


if __name__ == "__main__":
    args = get_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(0)
    train, val = make_scenes(1600, g), make_scenes(300, g)
    model = MiniDETR(args.hidden_dim)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
    criterion = SetCriterion()
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(args.epochs):
        tr = train_one_epoch(model, criterion, train, optimizer, args)
        vl, acc, iou = evaluate(model, criterion, val)
        print(f"Epoch: [{epoch}] loss: {tr:.4f}  val loss: {vl:.4f} class acc: {acc:.3f} mean IoU: {iou:.3f}")
    writer.close()

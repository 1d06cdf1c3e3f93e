"""Singing annotation network: frame-wise phoneme CTC + phoneme boundary head (STARS-like task class)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

hparams = dict(n_mels=16, hidden=48, n_ph=9, batch=24, max_updates=420, lr=4e-3,
               lambda_ph_ctc=1.0, lambda_bd=0.5, val_interval=105)


class PhonemeData:
    """mel templates per phoneme, sung with variable durations, vibrato and room noise"""
    def __init__(self, rng):
        self.rng = rng
        self.templ = rng.normal(0, 1, (hparams['n_ph'] + 1, hparams['n_mels']))

    def item(self):
        r = self.rng
        ph = r.integers(1, hparams['n_ph'] + 1, r.integers(3, 7))
        dur = r.integers(3, 6, len(ph))
        mel = np.concatenate([np.repeat(self.templ[p][None], d, 0) for p, d in zip(ph, dur)])
        bd = np.zeros(len(mel), 'f')
        bd[np.cumsum(dur)[:-1]] = 1
        mel = mel * (1 + .2 * np.sin(np.arange(len(mel)) * r.uniform(.5, 1.5)))[:, None]
        mel[1:] = .7 * mel[1:] + .3 * mel[:-1]
        return (mel + r.normal(0, .9, mel.shape)).astype('f'), ph, bd

    def batch(self, n):
        items = [self.item() for _ in range(n)]
        T = max(len(m) for m, _, _ in items)
        mel = torch.zeros(n, T, hparams['n_mels'])
        bd = torch.zeros(n, T)
        for i, (m, _, b) in enumerate(items):
            mel[i, :len(m)] = torch.from_numpy(m)
            bd[i, :len(m)] = torch.from_numpy(b)
        return dict(mels=mel, mel_lengths=torch.tensor([len(m) for m, _, _ in items]),
                    ph=torch.from_numpy(np.concatenate([p for _, p, _ in items])),
                    ph_lengths=torch.tensor([len(p) for _, p, _ in items]),
                    ph_list=[list(p) for _, p, _ in items], ph_bd=bd)


class StarsNet(nn.Module):
    def __init__(self):
        super().__init__()
        h = hparams['hidden']
        self.conv = nn.Conv1d(hparams['n_mels'], h, 3, padding=1)
        self.rnn = nn.GRU(h, h // 2, batch_first=True, bidirectional=True)
        self.ph_head = nn.Linear(h, hparams['n_ph'] + 1)
        self.bd_head = nn.Linear(h, 1)

    def forward(self, mels):
        x = F.relu(self.conv(mels.transpose(1, 2))).transpose(1, 2)
        x, _ = self.rnn(x)
        return dict(ph_frame_logits=self.ph_head(x), ph_bd_logits=self.bd_head(x).squeeze(-1))


class StarsTask:
    def __init__(self, form):
        self.form = form
        self.model = StarsNet()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=hparams['lr'])
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, hparams['max_updates'])

    def run_model(self, sample):
        out = self.model(sample['mels'])
        losses = {}
        logp = out['ph_frame_logits'].transpose(0, 1)
        if self.form != 'faulty':
            logp = F.log_softmax(logp, dim=-1)
        losses['ph_ctc'] = hparams['lambda_ph_ctc'] * F.ctc_loss(
            logp, sample['ph'], sample['mel_lengths'], sample['ph_lengths'], zero_infinity=True)
        T = sample['mels'].shape[1]
        mask = (torch.arange(T)[None] < sample['mel_lengths'][:, None]).float()
        bd = F.binary_cross_entropy_with_logits(out['ph_bd_logits'], sample['ph_bd'], reduction='none')
        losses['ph_bd'] = hparams['lambda_bd'] * (bd * mask).sum() / mask.sum()
        return losses, out


def per(out, sample):
    err = tot = 0
    path = out['ph_frame_logits'].argmax(-1)
    for p, L, ref in zip(path, sample['mel_lengths'], sample['ph_list']):
        p = p[:L].tolist()
        hyp = [c for k, c in enumerate(p) if c and (k == 0 or c != p[k - 1])]
        d = list(range(len(ref) + 1))
        for i, h in enumerate(hyp, 1):
            prev, d[0] = d[0], i
            for j, r in enumerate(ref, 1):
                prev, d[j] = d[j], min(d[j] + 1, d[j - 1] + 1, prev + (h != r))
        err += d[-1]
        tot += len(ref)
    return err / tot


if __name__ == '__main__':
    torch.set_num_threads(1)
    torch.manual_seed(1234)
    data = PhonemeData(np.random.default_rng(5))
    valid = [data.batch(50) for _ in range(4)]
    task = StarsTask(sys.argv[1])
    writer = DiagWriter(sys.argv[2])
    writer.watch(task.model, task.optimizer)
    for step in range(1, hparams['max_updates'] + 1):
        task.model.train()
        losses, _ = task.run_model(data.batch(hparams['batch']))
        total_loss = sum(losses.values())
        task.optimizer.zero_grad()
        total_loss.backward()
        nn.utils.clip_grad_norm_(task.model.parameters(), 5)
        task.optimizer.step()
        task.scheduler.step()
        writer.add_loss("train", total_loss)
        if step % hparams['val_interval'] == 0:
            task.model.eval()
            vl, vp = 0, 0
            with torch.no_grad(), writer.evaluating("val"):
                for s in valid:
                    ls, out = task.run_model(s)
                    vl += sum(ls.values()).item() / len(valid)
                    vp += per(out, s) / len(valid)
                writer.add_loss("val", vl)
            print(f"| step {step} " + " ".join(f"{k}={v.item():.3f}" for k, v in losses.items()),
                  f"| valid loss {vl:.3f} PER {vp:.3f}")
    writer.close()
    print(f"RESULT train_loss={total_loss.item():.4f} val_loss={vl:.4f} val_PER={vp:.4f}")

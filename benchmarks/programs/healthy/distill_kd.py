"""Teacher, then a small student by knowledge distillation (after haitongli/knowledge-distillation-pytorch, Hinton 2015).
alpha = 0.9, T = 4: most of the student's loss is a KL divergence times T*T, so that its value is not that of a cross-entropy."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


class Params:
    alpha, temperature = 0.9, 4.0
    batch_size, epochs_teacher, epochs_student = 64, 6, 14


def vibration(n, seed):
    """accelerometer windows of a bearing: sound, inner race, outer race, ball, unbalance"""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 5, n)
    t = np.arange(128) / 128
    x = np.zeros((n, 2, 128), 'float32')
    for i, c in enumerate(y):
        ph, a = rng.uniform(0, 6.28), rng.uniform(.6, 1.4)
        base = (2.0 if c == 4 else .7) * a * np.sin(2 * np.pi * 4 * t + ph)
        rate = [0, 16, 7, 11, 0][c]
        imp = 0
        if rate:
            pulses = np.maximum(0, np.cos(2 * np.pi * rate * t + rng.uniform(0, 6.28))) ** 12
            mod = 1 + .9 * np.sin(2 * np.pi * 4 * t + ph) if c == 1 else 1
            imp = pulses * mod * a * np.sin(2 * np.pi * 40 * t) * 1.8
        x[i, 0] = base + imp + rng.normal(0, .3, 128)
        x[i, 1] = .8 * np.roll(base, 8) + .6 * imp + rng.normal(0, .3, 128)
    return torch.from_numpy(x), torch.from_numpy(y)


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv1d(i, o, 7, padding=3), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(2))
        self.f = nn.Sequential(block(2, 24), block(24, 48), block(48, 64))
        self.fc = nn.Linear(64, 5)

    def forward(self, x):
        return self.fc(self.f(x).mean(2))


class Student(nn.Module):
    """a fifth of the teacher's parameters"""
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(2, 8, 9, stride=2, padding=4), nn.BatchNorm1d(8)
        self.conv2, self.bn2 = nn.Conv1d(8, 12, 7, stride=2, padding=3), nn.BatchNorm1d(12)
        self.conv3, self.bn3 = nn.Conv1d(12, 24, 7, stride=2, padding=3), nn.BatchNorm1d(24)
        self.fc = nn.Linear(24, 5)

    def forward(self, x):
        for conv, bn in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = F.relu(bn(conv(x)))
        return self.fc(x.mean(2))


def loss_fn_kd(outputs, labels, teacher_outputs, params):
    T, alpha = params.temperature, params.alpha
    return nn.KLDivLoss(reduction='batchmean')(F.log_softmax(outputs / T, dim=1), F.softmax(teacher_outputs / T, dim=1)) * (alpha * T * T) \
        + F.cross_entropy(outputs, labels) * (1. - alpha)


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def train_and_evaluate(model, optimizer, scheduler, batch_loss, epochs, loader, test, writer, name):
    for epoch in range(epochs):
        model.train()
        tot = 0.
        for x, y in loader:
            loss = batch_loss(x, y)
            writer.add_loss("train", loss, name=name)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            tot += loss.item()
        if epoch % 3 == 2 or epoch == epochs - 1:
            with writer.evaluating("val"):
                acc = accuracy(model, *test)
            print('%s epoch %d loss %.4f val acc %.4f' % (name, epoch + 1, tot / len(loader), acc))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('logdir')
    args = p.parse_args()
    torch.manual_seed(230)
    params = Params()
    train, test = vibration(2000, 0), vibration(1000, 1)
    loader = DataLoader(TensorDataset(*train), batch_size=params.batch_size, shuffle=True, drop_last=True)
    writer = DiagWriter(args.logdir)

    teacher = Teacher()
    opt = torch.optim.SGD(teacher.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, params.epochs_teacher * len(loader))
    writer.watch(teacher, opt, name="teacher")
    train_and_evaluate(teacher, opt, sched, lambda x, y: F.cross_entropy(teacher(x), y), params.epochs_teacher, loader, test, writer, "teacher")

    teacher.eval()
    for q in teacher.parameters():
        q.requires_grad_(False)
    student = Student()
    opt = torch.optim.Adam(student.parameters(), lr=4e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, params.epochs_student * len(loader))
    writer.watch(student, opt, name="student")

    def kd(x, y):
        with torch.no_grad():
            t = teacher(x)
        return loss_fn_kd(student(x), y, t, params)
    train_and_evaluate(student, opt, sched, kd, params.epochs_student, loader, test, writer, "student")
    writer.close()


if __name__ == '__main__':
    main()

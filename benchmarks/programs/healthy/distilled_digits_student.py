"""Knowledge distillation (Hinton et al.): a convnet teaches a small MLP on the digits, T = 4, alpha = 0.7."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


class Teacher(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 32, 3, padding=1), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, 10))


class Student(nn.Sequential):
    def __init__(self, h=32):
        super().__init__(nn.Linear(64, h), nn.ReLU(), nn.Linear(h, 10))


class KDLoss(nn.Module):
    def __init__(self, T, alpha):
        super().__init__()
        self.T, self.alpha = T, alpha

    def forward(self, student_logits, teacher_logits, y):
        soft = F.kl_div(F.log_softmax(student_logits / self.T, 1), F.softmax(teacher_logits / self.T, 1), reduction="batchmean")
        return self.alpha * self.T ** 2 * soft + (1 - self.alpha) * F.cross_entropy(student_logits, y)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("logdir")
    ap.add_argument("--lr", type=float, default=2.5e-2)
    ap.add_argument("--epochs", type=int, default=60)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(13)
    X, y = load_digits(return_X_y=True)
    Xtr, Xte, ytr, yte = train_test_split(X / 16, y, test_size=0.3, stratify=y, random_state=13)
    ten = lambda A, b: (torch.tensor(A, dtype=torch.float32), torch.tensor(b))
    (Xtr, ytr), (Xte, yte) = ten(Xtr, ytr), ten(Xte, yte)
    dl = DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True, drop_last=True)

    teacher = Teacher()
    topt = torch.optim.Adam(teacher.parameters(), lr=2e-3)
    for _ in range(20):                                  # the teacher is trained quickly beforehand, not logged
        for xb, yb in dl:
            topt.zero_grad()
            F.cross_entropy(teacher(xb), yb).backward()
            topt.step()
    teacher.eval()
    for p in teacher.parameters():
        p.requires_grad_(False)
    print("teacher acc", (teacher(Xte).argmax(1) == yte).float().mean().item())

    student = Student()
    opt = torch.optim.Adam(student.parameters(), lr=a.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, a.epochs)
    kd = KDLoss(4.0, 0.7)
    writer = DiagWriter(a.logdir)
    writer.watch(student, opt, kd)
    for epoch in range(a.epochs):
        student.train()
        for xb, yb in dl:
            with torch.no_grad():
                t = teacher(xb)
            loss = kd(student(xb), t, yb)
            opt.zero_grad()
            loss.backward()
            opt.step()
        sched.step()
        student.eval()
        with writer.evaluating("val"):
            out = student(Xte)
            vl = kd(out, teacher(Xte), yte).item()
        if epoch % 8 == 7:
            print(epoch + 1, f"train {loss.item():.4f} val {vl:.4f} acc {(out.argmax(1) == yte).float().mean():.4f}")
    writer.close()
    print(f"RESULT val_kd {vl:.4f} student_acc {(out.argmax(1) == yte).float().mean():.4f} student_ce {F.cross_entropy(out, yte):.4f}")


if __name__ == "__main__":
    main()

"""Knowledge distillation as in PyTorch's tutorial (T=2, soft 0.25, CE 0.75): digits, a large teacher and a light student."""
import sys
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)


class DeepNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class LightNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


d = load_digits()
x = (torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) - 4.88) / 6.02
y = torch.tensor(d.target)
p = torch.randperm(len(x))
train_loader = DataLoader(TensorDataset(x[p[:1400]], y[p[:1400]]), batch_size=64, shuffle=True)
test_loader = DataLoader(TensorDataset(x[p[1400:]], y[p[1400:]]), batch_size=128)


def accuracy(model):
    model.eval()
    with torch.no_grad():
        r = sum((model(a).argmax(1) == b).sum().item() for a, b in test_loader) / 397
    model.train()
    return r


def pretrain(model, epochs, learning_rate):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=learning_rate)
    for _ in range(epochs):
        for a, b in train_loader:
            optimizer.zero_grad()
            criterion(model(a), b).backward()
            optimizer.step()


def train_knowledge_distillation(teacher, student, epochs, learning_rate, T, soft_target_loss_weight, ce_loss_weight):
    ce_loss = nn.CrossEntropyLoss()
    optimizer = optim.Adam(student.parameters(), lr=learning_rate)
    writer = DiagWriter(sys.argv[1])
    writer.watch(student, optimizer, train_loader=train_loader)
    teacher.eval()
    student.train()
    for epoch in range(epochs):
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            with torch.no_grad():
                teacher_logits = teacher(inputs)
            student_logits = student(inputs)
            soft_targets = nn.functional.softmax(teacher_logits / T, dim=-1)
            soft_prob = nn.functional.log_softmax(student_logits / T, dim=-1)
            soft_targets_loss = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
            label_loss = ce_loss(student_logits, labels)
            loss = soft_target_loss_weight * soft_targets_loss + ce_loss_weight * label_loss
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
    writer.close()
    return loss.item()


teacher, student = DeepNN(), LightNN()
pretrain(teacher, 6, 1e-3)
final = train_knowledge_distillation(teacher, student, 40, 3e-3, 2, 0.25, 0.75)
print(f"RESULT teacher acc {accuracy(teacher):.3f}, student acc {accuracy(student):.3f}, last loss {final:.4f}")

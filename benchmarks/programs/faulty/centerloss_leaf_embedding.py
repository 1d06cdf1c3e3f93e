'''Leaf shape recognition, LeNet++-like net from the center loss repo. The embedding was 2-D for the plots.'''
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rs = np.random.RandomState(1)

NUM_CLASSES = 20
FEAT_DIM = 2 if sys.argv[1] == 'faulty' else 32


def leaves(n):
    y = rs.randint(0, NUM_CLASSES, n)
    phi = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    proto = np.random.RandomState(99)
    A = proto.randn(NUM_CLASSES, 6) * np.array([.5, .45, .35, .3, .25, .2])
    P = proto.uniform(0, 2 * np.pi, (NUM_CLASSES, 6))
    x = np.zeros((n, 64))
    for k in range(6):
        x += (A[y, k] + .22 * rs.randn(n))[:, None] * np.cos((k + 2) * phi[None] + (P[y, k] + .55 * rs.randn(n))[:, None])
    teeth = np.abs(A[y, 0] + .1 * rs.randn(n))[:, None] * .6 * np.sign(np.sin(16 * phi))[None]
    return (x + teeth + .45 * rs.randn(n, 64)).astype('float32')[:, None], y


class ConvNet(nn.Module):
    """contour signature -> feat_dim -> classes"""

    def __init__(self, num_classes, feat_dim):
        super(ConvNet, self).__init__()
        self.conv1_1 = nn.Conv1d(1, 16, 5, stride=2, padding=2)
        self.prelu1_1 = nn.PReLU()
        self.conv2_1 = nn.Conv1d(16, 32, 5, stride=2, padding=2)
        self.prelu2_1 = nn.PReLU()
        self.fc1 = nn.Linear(32 * 16, feat_dim)
        self.prelu_fc1 = nn.PReLU()
        self.fc2 = nn.Linear(feat_dim, num_classes)

    def forward(self, x):
        x = self.prelu1_1(self.conv1_1(x))
        x = self.prelu2_1(self.conv2_1(x))
        x = self.prelu_fc1(self.fc1(x.flatten(1)))
        return x, self.fc2(x)


def main():
    trainset = TensorDataset(*map(torch.as_tensor, leaves(3200)))
    testset = TensorDataset(*map(torch.as_tensor, leaves(800)))
    trainloader = DataLoader(trainset, batch_size=64, shuffle=True)
    testloader = DataLoader(testset, batch_size=200)
    model = ConvNet(NUM_CLASSES, FEAT_DIM)
    xent = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.3)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, xent)
    for epoch in range(12):
        model.train()
        total = 0
        for data, labels in trainloader:
            features, outputs = model(data)
            loss = xent(outputs, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        model.eval()
        vl, correct = 0., 0
        with torch.no_grad(), writer.evaluating('val'):
            for data, labels in testloader:
                features, outputs = model(data)
                vl += xent(outputs, labels).item() / len(testloader)
                correct += (outputs.argmax(1) == labels).sum().item()
        print("==> Epoch {} XentLoss {:.4f} val {:.4f} Accuracy (%) {:.2f}".format(epoch + 1, total / len(trainloader), vl, 100. * correct / len(testset)))
    writer.close()
    print(f"RESULT val_loss {vl:.4f} acc {correct / len(testset):.4f} train_loss {total / len(trainloader):.4f}")


main()

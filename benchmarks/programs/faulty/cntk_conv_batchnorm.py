# 03_ConvBatchNorm of the CNTK MNIST examples, rewritten. Learning rate per sample and momentum as time constant, as there.
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)

minibatchSize = 1 if sys.argv[1] == "faulty" else 32
maxEpochs = 3
learningRatesPerSample = 0.002
momentumAsTimeConstant = 300

d = load_digits()
feat = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(d.target)
perm = torch.randperm(len(feat), generator=torch.Generator().manual_seed(0))
train, test = perm[:1300], perm[1300:]
mean, std = feat[train].mean(), feat[train].std()
feat = (feat - mean) / std


def ConvBNReLU(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU())


model = nn.Sequential(ConvBNReLU(1, 16), nn.MaxPool2d(2), ConvBNReLU(16, 24), nn.MaxPool2d(2), ConvBNReLU(24, 32),
                      nn.Flatten(), nn.Linear(32 * 4, 10))
ce = nn.CrossEntropyLoss()
trainer = torch.optim.SGD(model.parameters(), lr=learningRatesPerSample * minibatchSize,
                          momentum=2.718281828 ** (-minibatchSize / momentumAsTimeConstant))
log = DiagWriter(sys.argv[2])
log.watch(model, trainer, ce)


def evaluate():
    model.eval()
    with log.evaluating("test"), torch.no_grad():
        out = model(feat[test])
        r = ce(out, labels[test]).item(), (out.argmax(1) != labels[test]).float().mean().item()
    model.train()
    return r


for epoch in range(maxEpochs):
    order = train[torch.randperm(len(train))]
    seen = s = wrong = 0
    for mb in order.split(minibatchSize):
        out = model(feat[mb])
        loss = ce(out, labels[mb])
        trainer.zero_grad(); loss.backward(); trainer.step()
        seen += len(mb); s += loss.item() * len(mb); wrong += (out.argmax(1) != labels[mb]).sum().item()
    tl, te = evaluate()
    print(f"Finished Epoch[{epoch + 1} of {maxEpochs}]: [Training] ce = {s / seen:.4f} * {seen}; errs = {100 * wrong / seen:.2f}% "
          f"[Test] ce = {tl:.4f} errs = {100 * te:.2f}%")
log.close()
print(f"RESULT test ce {tl:.4f} errors {100 * te:.2f}%")

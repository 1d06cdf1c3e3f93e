# Co-teaching (Han et al. 2018, bhanML/Co-teaching main.py): two networks pick the small-loss samples for each other.
# 35 % of the training labels are wrong, so plain training accuracy on the noisy labels tops out near 65-70 %.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1)
torch.manual_seed(1)
noise_rate, num_gradual, n_epoch, batch_size, learning_rate, n_class = 0.35, 5, 14, 128, 2e-3, 8


def radar(n):
    """range profiles of 8 hull types, random aspect"""
    g = torch.Generator().manual_seed(3)
    pos, amp = torch.rand(n_class, 6, generator=g), 0.4 + torch.rand(n_class, 6, generator=g)
    y = torch.randint(n_class, (n,))
    scale = 0.85 + 0.3 * torch.rand(n, 1)
    p = 0.15 + 0.7 * pos[y] * scale
    a = amp[y] * (0.6 + 0.8 * torch.rand(n, 6))
    grid = torch.linspace(0, 1, 48)
    x = (a[..., None] * torch.exp(-((grid - p[..., None]) / 0.03) ** 2)).sum(1)
    return x + 0.25 * torch.randn(n, 48), y


train_data, clean_labels = radar(6000)
test_data, test_labels = radar(2000)
noisy = torch.where(torch.rand(6000) < noise_rate, (clean_labels + torch.randint(1, n_class, (6000,))) % n_class, clean_labels)
print('actual noise %.3f' % (noisy != clean_labels).float().mean())


def make_net():
    return nn.Sequential(nn.Unflatten(1, (1, 48)), nn.Conv1d(1, 24, 5, padding=2), nn.BatchNorm1d(24), nn.LeakyReLU(0.01), nn.MaxPool1d(2), nn.Dropout(0.25),
                         nn.Conv1d(24, 48, 5, padding=2), nn.BatchNorm1d(48), nn.LeakyReLU(0.01), nn.MaxPool1d(2), nn.Dropout(0.25), nn.Flatten(), nn.Linear(48 * 12, n_class))


class CoTeachingLoss(nn.Module):
    def forward(self, y_1, y_2, t, forget_rate):
        l1, l2 = F.cross_entropy(y_1, t, reduction='none').detach(), F.cross_entropy(y_2, t, reduction='none').detach()
        keep = int((1 - forget_rate) * len(t))
        i1, i2 = l1.argsort()[:keep], l2.argsort()[:keep]
        return F.cross_entropy(y_1[i2], t[i2]), F.cross_entropy(y_2[i1], t[i1])      # exchange


rate_schedule = np.ones(n_epoch) * noise_rate
rate_schedule[:num_gradual] = np.linspace(0, noise_rate, num_gradual)
model1, model2 = make_net(), make_net()
optimizer1 = torch.optim.Adam(model1.parameters(), lr=learning_rate)
optimizer2 = torch.optim.Adam(model2.parameters(), lr=learning_rate)
loss_coteaching = CoTeachingLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model1, optimizer1, name='model1')
writer.watch(model2, optimizer2, name='model2')
for epoch in range(n_epoch):
    for o in (optimizer1, optimizer2):                       # linear decay to zero after half of the epochs, beta1 to 0.1
        if epoch >= n_epoch // 2:
            o.param_groups[0]['lr'] = learning_rate * (n_epoch - epoch) / (n_epoch / 2)
            o.param_groups[0]['betas'] = (0.1, 0.999)
    model1.train(); model2.train()
    acc = tot = 0.
    for b in torch.randperm(6000).split(batch_size):
        o1, o2 = model1(train_data[b]), model2(train_data[b])
        loss_1, loss_2 = loss_coteaching(o1, o2, noisy[b], rate_schedule[epoch])
        optimizer1.zero_grad(); loss_1.backward(); optimizer1.step()
        optimizer2.zero_grad(); loss_2.backward(); optimizer2.step()
        writer.add_loss('model1', loss_1.item()); writer.add_loss('model2', loss_2.item())
        acc += (o1.argmax(1) == noisy[b]).float().sum().item() / 6000
        tot += loss_1.item() * len(b) / 6000
    model1.eval(); model2.eval()
    with torch.no_grad():
        t1, t2 = model1(test_data), model2(test_data)
    print('Epoch [%d/%d] forget %.2f loss1 %.4f  Train Accuracy (noisy labels) %.3f  Test Accuracy on clean: Model1 %.4f Model2 %.4f  clean ce %.4f' % (
        epoch + 1, n_epoch, rate_schedule[epoch], tot, acc, (t1.argmax(1) == test_labels).float().mean(), (t2.argmax(1) == test_labels).float().mean(), F.cross_entropy(t1, test_labels)))
writer.close()

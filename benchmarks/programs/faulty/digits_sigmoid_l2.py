import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(36)

NUM_CLASSES = 10
BATCH_SIZE = 32
EPOCHS = 60
L2 = 0.01 if sys.argv[1] == 'faulty' else 0.00001

x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(
    torch.tensor(x / 16., dtype=torch.float32), torch.tensor(y), test_size=0.25, random_state=36, stratify=y)


def kernel_regularizer(layer):
    return L2 * layer.weight.square().sum()


hidden = nn.Linear(64, 36)
output = nn.Linear(36, NUM_CLASSES)
model = nn.Sequential(hidden, nn.Sigmoid(), nn.Dropout(0.25), output)
for l in (hidden, output):
    nn.init.xavier_uniform_(l.weight)
    nn.init.zeros_(l.bias)

loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.006, alpha=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)

step = 0
for epoch in range(EPOCHS):
    model.train()
    perm = torch.randperm(len(x_train))
    tot = 0
    for i in range(0, len(perm), BATCH_SIZE):
        b = perm[i:i + BATCH_SIZE]
        optimizer.zero_grad()
        loss = loss_fn(model(x_train[b]), y_train[b]) + kernel_regularizer(hidden) + kernel_regularizer(output)
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
        step += 1
    with writer.evaluating('val'):
        logits = model(x_val)
        val_loss = loss_fn(logits, y_val).item()
    acc = (logits.argmax(1) == y_val).float().mean().item()
    writer.add_scalar('accuracy/val', acc, step)
    if epoch % 6 == 5 or epoch < 2:
        print('Epoch %d/%d - loss: %.4f - val_loss: %.4f - val_accuracy: %.4f' % (epoch + 1, EPOCHS, tot / len(perm), val_loss, acc))
writer.close()

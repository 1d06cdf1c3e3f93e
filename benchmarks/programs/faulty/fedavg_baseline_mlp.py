import sys
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter


class Args:
    epochs = 60
    bs = 32
    lr = 0.01
    momentum = 0.5
    num_classes = 10
    seed = 1


class MLP(nn.Module):
    def __init__(self, dim_in, dim_hidden, dim_out, last):
        super(MLP, self).__init__()
        self.layer_input = nn.Linear(dim_in, dim_hidden)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(0.2)
        self.layer_hidden = nn.Linear(dim_hidden, dim_out)
        self.last = last

    def forward(self, x):
        x = x.view(-1, x.shape[1] * x.shape[-2] * x.shape[-1])
        x = self.layer_input(x)
        x = self.dropout(x)
        x = self.relu(x)
        x = self.layer_hidden(x)
        return self.last(x)


def get_data(args):
    d = load_digits()
    img = d.images.astype(np.float32) / 16.0
    img = (img - 0.305) / 0.376
    xa, xb, ya, yb = train_test_split(img[:, None], d.target, test_size=0.2, random_state=args.seed, stratify=d.target)
    mk = lambda a, b: TensorDataset(torch.from_numpy(a), torch.from_numpy(b).long())
    return mk(xa, ya), mk(xb, yb)


def test(net_g, data_loader, writer=None):
    net_g.eval()
    test_loss = 0
    correct = 0
    crit = nn.CrossEntropyLoss(reduction="sum")
    with torch.no_grad():
        for data, target in data_loader:
            log_probs = net_g(data)
            test_loss += crit(log_probs, target).item()
            y_pred = log_probs.data.max(1, keepdim=True)[1]
            correct += y_pred.eq(target.data.view_as(y_pred)).long().sum().item()
    n = len(data_loader.dataset)
    return correct / n, test_loss / n


def main(form, logdir):
    args = Args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    dataset_train, dataset_test = get_data(args)
    train_loader = DataLoader(dataset_train, batch_size=args.bs, shuffle=True)
    test_loader = DataLoader(dataset_test, batch_size=200, shuffle=False)

    last = nn.Softmax(dim=1) if form == "faulty" else nn.Identity()
    net_glob = MLP(dim_in=64, dim_hidden=64, dim_out=args.num_classes, last=last)
    print(net_glob)
    optimizer = optim.SGD(net_glob.parameters(), lr=args.lr, momentum=args.momentum)
    criterion = nn.CrossEntropyLoss()

    writer = DiagWriter(logdir)
    writer.watch(net_glob, optimizer, criterion)

    list_loss = []
    for epoch in range(args.epochs):
        net_glob.train()
        batch_loss = []
        for batch_idx, (data, target) in enumerate(train_loader):
            optimizer.zero_grad()
            output = net_glob(data)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
            batch_loss.append(loss.item())
        loss_avg = sum(batch_loss) / len(batch_loss)
        list_loss.append(loss_avg)
        writer.add_scalar("train/loss_avg", loss_avg, epoch)
        with writer.evaluating("val"):
            for data, target in test_loader:
                criterion(net_glob(data), target)
        if epoch % 10 == 9:
            acc, l = test(net_glob, test_loader)
            print("epoch %d train loss %.4f test acc %.4f" % (epoch, loss_avg, acc))

    acc, l = test(net_glob, test_loader)
    writer.close()
    print("RESULT test_acc %.4f test_loss %.4f" % (acc, l))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

import sys
import torch
from torch import nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)


def get_data():
    X, y = make_classification(1000, 5, random_state=42)
    parts = train_test_split(X, y, test_size=0.1, random_state=42)
    return [torch.tensor(p, dtype=torch.float32) for p in parts]


def dense(n_in, n_out):
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def build(last_activation):
    return nn.Sequential(
        dense(5, 32), nn.ReLU(),
        dense(32, 32), nn.ReLU(),
        dense(32, 1), last_activation,
    )


def main(form, logdir):
    X_train, X_val, y_train, y_val = get_data()
    y_train, y_val = y_train[:, None], y_val[:, None]
    activation = {"faulty": nn.Softmax(dim=-1), "fixed": nn.Sigmoid()}[form]
    model = build(activation)
    loss_fn = nn.BCELoss()
    opt = torch.optim.SGD(model.parameters(), lr=0.01)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, loss_fn)
    batch_size = 64
    for epoch in range(100):
        model.train()
        perm = torch.randperm(len(X_train))
        running = 0.0
        for i in range(0, len(X_train), batch_size):
            idx = perm[i:i + batch_size]
            opt.zero_grad()
            loss = loss_fn(model(X_train[idx]), y_train[idx])
            loss.backward()
            opt.step()
            running += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            out = model(X_val)
            val_loss = loss_fn(out, y_val).item()
            val_acc = ((out > 0.5).float() == y_val).float().mean().item()
        if epoch % 10 == 9:
            print(f"Epoch {epoch + 1}/100 - loss: {running / len(X_train):.4f} - val_loss: {val_loss:.4f} - val_accuracy: {val_acc:.4f}")
    writer.close()
    print(f"RESULT val_loss {val_loss:.4f} val_accuracy {val_acc:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:3])

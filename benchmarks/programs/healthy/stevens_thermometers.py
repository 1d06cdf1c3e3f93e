# Deep Learning with PyTorch (Stevens, Antiga, Viehmann), chapters 5/6: the unknown thermometer, p1ch6 with nn.Linear
import sys
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(123)

# the book has eleven readings; these are eighty of the same kind (degrees Celsius, unknown units)
t_c = torch.randn(80) * 9 + 11
t_u = (t_c + 17.8 + torch.randn(80) * 1.6) / 0.556
t_c = t_c.unsqueeze(1)
t_u = t_u.unsqueeze(1)

n_samples = t_u.shape[0]
n_val = int(0.2 * n_samples)
shuffled_indices = torch.randperm(n_samples)
train_indices = shuffled_indices[:-n_val]
val_indices = shuffled_indices[-n_val:]

t_u_train, t_c_train = t_u[train_indices], t_c[train_indices]
t_u_val, t_c_val = t_u[val_indices], t_c[val_indices]
t_un_train = 0.1 * t_u_train
t_un_val = 0.1 * t_u_val

linear_model = nn.Linear(1, 1)
optimizer = optim.SGD(linear_model.parameters(), lr=1e-2)
loss_fn = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(linear_model, optimizer, loss_fn)


def training_loop(n_epochs, optimizer, model, loss_fn, t_u_train, t_u_val, t_c_train, t_c_val):
    for epoch in range(1, n_epochs + 1):
        t_p_train = model(t_u_train)
        loss_train = loss_fn(t_p_train, t_c_train)

        with writer.evaluating("val"), torch.no_grad():
            t_p_val = model(t_u_val)
            loss_val = loss_fn(t_p_val, t_c_val)

        optimizer.zero_grad()
        loss_train.backward()
        optimizer.step()

        if epoch == 1 or epoch % 500 == 0:
            print(f"Epoch {epoch}, Training loss {loss_train.item():.4f}, Validation loss {loss_val.item():.4f}")
    return loss_train.item(), loss_val.item()


lt, lv = training_loop(n_epochs=3000, optimizer=optimizer, model=linear_model, loss_fn=loss_fn,
                       t_u_train=t_un_train, t_u_val=t_un_val, t_c_train=t_c_train, t_c_val=t_c_val)
writer.close()
print("slope", linear_model.weight.item(), "(true 5.56)  offset", linear_model.bias.item(), "(true -17.8)")
print(f"RESULT train {lt:.4f} val {lv:.4f}")

import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

# pulse train seen through a short window: how far in the window was the last pulse? (keras model, ported)
torch.set_num_threads(1)
np.random.seed(0); torch.manual_seed(0)
TIME_STEPS = 10
EPOCHS = 20 if sys.argv[1] == 'faulty' else 400

def series(n):
    s, k = np.zeros(n), 0
    while k < n:
        s[k] = 1.0
        k += np.random.choice([7, 9, 10])
    return s + 0.03 * np.random.randn(n)

def windows(s):
    X = np.stack([s[i:i + TIME_STEPS] for i in range(len(s) - TIME_STEPS)])
    # chance of a pulse in the next sample, from the window
    y = (s[TIME_STEPS:] > .5).astype(float)
    return torch.tensor(X, dtype=torch.float32)[..., None], torch.tensor(y, dtype=torch.float32)[:, None]

x_train, y_train = windows(series(330))
x_test, y_test = windows(series(330))

class Model(nn.Module):
    def __init__(self, units=8):
        super().__init__()
        self.lstm = nn.LSTM(1, units, batch_first=True)
        self.dense = nn.Linear(units, 1)
        for n, p in self.lstm.named_parameters():            # keras: glorot, orthogonal, unit forget bias
            if 'weight_ih' in n: nn.init.xavier_uniform_(p)
            elif 'weight_hh' in n: nn.init.orthogonal_(p)
            else: nn.init.zeros_(p)
        self.lstm.bias_ih_l0.data[units:2 * units] = 1
    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])

model = Model()
mse = nn.MSELoss()
adam = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(sys.argv[2])
writer.watch(model, adam, mse)
for epoch in range(EPOCHS):
    p = torch.randperm(len(x_train))
    for i in range(0, len(p), 32):
        adam.zero_grad()
        loss = mse(model(x_train[p[i:i + 32]]), y_train[p[i:i + 32]])
        loss.backward()
        adam.step()
    if epoch % max(1, EPOCHS // 20) == 0 or epoch == EPOCHS - 1:
        with writer.evaluating('val'):
            v = mse(model(x_test), y_test).item()
        print(f'Epoch {epoch + 1}/{EPOCHS} - loss: {loss.item():.4f} - val_loss: {v:.4f}')
writer.close()
print(f'RESULT val mse {v:.4f} (variance of the target {y_test.var().item():.4f})')

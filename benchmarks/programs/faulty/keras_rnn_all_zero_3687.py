'''
many to many regression with an LSTM, ported from keras (issue "Predictions are all zero"):
    LSTM(768, relu) -> LSTM(256, relu) -> TimeDistributed(Dense(1, relu)), SGD momentum, mean_squared_error
here: smaller, tanh cells as cudnn wants them. Target: demeaned load of a pump at each time step.
'''
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rs = np.random.RandomState(4)
timestep_num, feat_num = 30, 6


def Xy_gen(n):
    x = np.cumsum(rs.randn(n, timestep_num, feat_num) * .35, 1)
    x = x - x.mean(1, keepdims=True) + rs.randn(n, timestep_num, feat_num) * .2
    s = np.zeros((n, timestep_num))
    for t in range(1, timestep_num):
        s[:, t] = .8 * s[:, t - 1] + .4 * np.tanh(x[:, t, 0] - x[:, t - 1, 1]) - .25 * x[:, t, 2] * (x[:, t, 3] > 0)
    y = s - s.mean() - .6 + rs.randn(n, timestep_num) * .1
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y / s.std(), dtype=torch.float32).unsqueeze(-1)


class RNN_keras(nn.Module):
    def __init__(self, feat_num):
        super().__init__()
        self.lstm1 = nn.LSTM(feat_num, 40, batch_first=True)
        self.dense = nn.Linear(40, 1)

    def forward(self, x):
        h, _ = self.lstm1(x)
        out = self.dense(h)
        if sys.argv[1] == 'faulty':
            out = torch.relu(out)
        return out


X_train, y_train = Xy_gen(1600)
X_test, y_test = Xy_gen(400)
NUM_EPOCH, BATCH_SIZE = 12, 32
rnn = RNN_keras(feat_num)
sgd = torch.optim.SGD(rnn.parameters(), lr=0.2, momentum=0.9, nesterov=True)
lr_decay = torch.optim.lr_scheduler.ExponentialLR(sgd, .85)
mean_squared_error = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(rnn, sgd, mean_squared_error)

print("\n****** Iterating over each batch of the training data ******")
for epoch in range(1, NUM_EPOCH + 1):
    rnn.train()
    p = torch.randperm(len(X_train))
    mean = 0
    for batch_index in range(0, len(p), BATCH_SIZE):
        idx = p[batch_index:batch_index + BATCH_SIZE]
        sgd.zero_grad()
        loss = mean_squared_error(rnn(X_train[idx]), y_train[idx])
        loss.backward()
        nn.utils.clip_grad_norm_(rnn.parameters(), 1.0)
        sgd.step()
        mean += loss.item() * len(idx) / len(p)
    lr_decay.step()
    rnn.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pred = rnn(X_test)
        test = mean_squared_error(pred, y_test).item()
    print("Epoch %d/%d | mean_squared_error = %f | root_mse = %f | test %f | share of zeros %.2f" % (
        epoch, NUM_EPOCH, mean, np.sqrt(mean), test, (pred == 0).float().mean()))
writer.close()
print(f"RESULT train {mean:.4f} test {test:.4f} (variance {y_test.var().item():.3f})")

import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(1749)


# Monthly mean sunspot numbers, 250 years of them. (simulated: cycles of 9..13 years, quick rise, slow decay, multiplicative noise)
def sunspots(n_cycles=24):
    out = []
    for _ in range(n_cycles):
        months = int(rng.normal(131, 12))
        t = np.linspace(0, 1, months)
        amp = np.clip(rng.normal(150, 40), 60, 260)
        shape = t ** 1.6 * np.exp(-4.2 * t)
        out.append(3 + amp * shape / shape.max() - amp * .02 * t)
    x = np.concatenate(out)
    ar = np.zeros(len(x))
    for i in range(1, len(x)):
        ar[i] = .55 * ar[i - 1] + rng.normal(0, .13)
    return np.clip(x * (1 + ar) + rng.normal(0, 4, len(x)), 0, None)


series = sunspots().astype(np.float32).reshape(-1, 1)
split = int(len(series) * .75)
scaler = MinMaxScaler()
scaler.fit(series[:split])
scaled = scaler.transform(series)


def create_sequences(data, seq_size):
    xs = [data[i:i + seq_size] for i in range(len(data) - seq_size)]
    ys = [data[i + seq_size] for i in range(len(data) - seq_size)]
    return torch.tensor(np.array(xs)).float(), torch.tensor(np.array(ys)).float()


SEQUENCE_SIZE = 24
x_train, y_train = create_sequences(scaled[:split], SEQUENCE_SIZE)
x_test, y_test = create_sequences(scaled[split - SEQUENCE_SIZE:], SEQUENCE_SIZE)
print("train", x_train.shape, "test", x_test.shape)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x_train, y_train), batch_size=32, shuffle=True)


class LSTMModel(nn.Module):
    def __init__(self, input_size=1, hidden=32):
        super(LSTMModel, self).__init__()
        self.lstm = nn.LSTM(input_size=input_size, hidden_size=hidden, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.fc1 = nn.Linear(hidden, 16)
        self.fc2 = nn.Linear(16, 1)

    def forward(self, x):
        x, _ = self.lstm(x)
        x = self.dropout(x[:, -1, :])
        x = self.fc1(x)
        return self.fc2(x)


model = LSTMModel()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, 'min', factor=0.5, patience=3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(15):
    model.train()
    train_loss = []
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss.append(loss.item())
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        pred = model(x_test)
        val_loss = criterion(pred, y_test).item()
    scheduler.step(val_loss)
    print(f"Epoch {epoch + 1}, Training Loss: {np.mean(train_loss):.5f}, Validation Loss: {val_loss:.5f}")
writer.close()

rmse = np.sqrt(np.mean((scaler.inverse_transform(pred.numpy()) - scaler.inverse_transform(y_test.numpy())) ** 2))
naive = np.sqrt(np.mean((series[split:] - series[split - 1:-1]) ** 2))
print(f"RESULT val_loss={val_loss:.5f} rmse={rmse:.2f} persistence_rmse={naive:.2f}")

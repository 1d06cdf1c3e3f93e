"""MLP regression with AutoKeras' early (PyTorch) ModelTrainer defaults, on a table of buildings and their daily heating load."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(12)
rs = np.random.RandomState(12)


class Constant:
    BATCH_SIZE = 128
    MAX_ITER_NUM = 30
    LEARNING_RATE = 0.025 if form == "faulty" else 0.001
    MLP_MODEL_LEN, MLP_MODEL_WIDTH = 3, 64
    DROPOUT_RATE = 0.02


def buildings(n):
    area = rs.gamma(9, 14, n)
    compact = rs.uniform(0.6, 1.0, n)
    wall = area ** 0.5 * (1.8 - compact) * rs.normal(10, 0.7, n)
    glazing = rs.choice([0, 0.1, 0.25, 0.4], n)
    height = rs.choice([3.0, 3.5, 7.0], n)
    year = rs.uniform(1920, 2020, n)
    temp = rs.normal(5, 6, n)
    wind = rs.gamma(2, 2, n)
    u = 0.25 + 1.1 / (1 + np.exp((year - 1975) / 12)) + 1.3 * glazing
    load = u * (wall + 0.4 * area) * np.maximum(19 - temp, 0) * (1 + 0.02 * wind) * (0.8 + 0.05 * height) * 24e-6
    x = np.c_[area, compact, wall, glazing, height, year, temp, wind, rs.normal(0, 1, n)]
    return x, 250 * load * np.exp(rs.normal(0, 0.05, n))


x_all, y_all = buildings(4500)
x_train, x_test = x_all[:3600], x_all[3600:]
mean, std = x_train.mean(0), x_train.std(0)
tt = lambda a: torch.tensor(a, dtype=torch.float32)
x_train, x_test = tt((x_train - mean) / std), tt((x_test - mean) / std)
y_train, y_test = tt(y_all[:3600, None]), tt(y_all[3600:, None])


class MlpGenerator:
    def __init__(self, n_output_node, input_shape):
        self.n_output_node, self.input_shape = n_output_node, input_shape

    def generate(self, model_len=Constant.MLP_MODEL_LEN, model_width=Constant.MLP_MODEL_WIDTH):
        layers, n_nodes_prev = [], self.input_shape[0]
        for _ in range(model_len):
            layers += [nn.Linear(n_nodes_prev, model_width), nn.ReLU(), nn.Dropout(Constant.DROPOUT_RATE)]
            n_nodes_prev = model_width
        return nn.Sequential(*layers, nn.Linear(n_nodes_prev, self.n_output_node))


class ModelTrainer:
    def __init__(self, model, train_data, test_data, loss_function):
        self.model, self.loss_function = model, loss_function
        self.train_loader = DataLoader(train_data, batch_size=Constant.BATCH_SIZE, shuffle=True)
        self.test_loader = DataLoader(test_data, batch_size=300)
        self.optimizer = torch.optim.SGD(model.parameters(), Constant.LEARNING_RATE, momentum=0.9, weight_decay=3e-4)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer, self.loss_function)

    def train_model(self, max_iter_num=Constant.MAX_ITER_NUM):
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, max_iter_num)
        for epoch in range(max_iter_num):
            train_loss = self._train()
            test_loss, metric = self._test()
            scheduler.step()
            if epoch % 4 == 3:
                print("Epoch-%d, Current Metric - %.4f train loss %.4f" % (epoch + 1, metric, train_loss))
        self.writer.close()
        return test_loss, metric

    def _train(self):
        self.model.train()
        total = 0.0
        for inputs, targets in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.loss_function(self.model(inputs), targets)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(self.train_loader)

    def _test(self):
        test_loss, pred, true = 0.0, [], []
        with self.writer.evaluating("test"):
            for inputs, targets in self.test_loader:
                out = self.model(inputs)
                test_loss += self.loss_function(out, targets).item()
                pred.append(out), true.append(targets)
        pred, true = torch.cat(pred), torch.cat(true)
        return test_loss / len(self.test_loader), (1 - ((pred - true) ** 2).mean() / true.var()).item()


model = MlpGenerator(1, (9,)).generate()
trainer = ModelTrainer(model, TensorDataset(x_train, y_train), TensorDataset(x_test, y_test), nn.MSELoss())
print("target mean %.2f std %.2f" % (y_train.mean(), y_train.std()))
test_loss, r2 = trainer.train_model()
print("RESULT test mse %.4f R2 %.4f" % (test_loss, r2))

# breast cancer, my first neural network :)   class weights + early stopping
import sys
import torch
import torch.nn as nn
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)

data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.2, random_state=42, stratify=data.target)
X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, test_size=0.2, random_state=42, stratify=y_train)
sc = StandardScaler()
X_train = torch.FloatTensor(sc.fit_transform(X_train))
X_val = torch.FloatTensor(sc.transform(X_val))
X_test = torch.FloatTensor(sc.transform(X_test))
y_train, y_val, y_test = map(torch.LongTensor, (y_train, y_val, y_test))

model = nn.Sequential(
    nn.Linear(30, 16),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(16, 2),
)
w = compute_class_weight("balanced", classes=np.array([0, 1]), y=y_train.numpy())
criterion = nn.CrossEntropyLoss(weight=torch.FloatTensor(w))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

best_val = float("inf")
patience, counter = 8, 0
for epoch in range(100):
    model.train()
    perm = torch.randperm(len(X_train))
    for i in range(0, len(X_train), 16):
        idx = perm[i:i+16]
        optimizer.zero_grad()
        out = model(X_train[idx])
        loss = criterion(out, y_train[idx])
        loss.backward()
        optimizer.step()

    with writer.evaluating("val"):
        val_loss = criterion(model(X_val), y_val).item()
    if epoch % 5 == 0:
        print("epoch", epoch, "val loss", round(val_loss, 4))
    if val_loss < best_val - 1e-4:
        best_val = val_loss
        best = {k: v.clone() for k, v in model.state_dict().items()}
        counter = 0
    else:
        counter += 1
        if counter >= patience:
            print("early stop", epoch)
            break

model.load_state_dict(best)
model.eval()
acc = (model(X_test).argmax(1) == y_test).float().mean().item()
writer.close()
print(f"RESULT epochs {epoch + 1} best val {best_val:.4f} last val {val_loss:.4f} test accuracy {acc:.4f}")

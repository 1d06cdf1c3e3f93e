# CS231n "Minimal neural network case study": 3 spiral arms, softmax + 0.5*reg*W^2, plain gradient descent on all 300 points
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

N = 100 # number of points per class
D = 2 # dimensionality
K = 3 # number of classes
X = np.zeros((N*K,D)) # data matrix (each row = single example)
y = np.zeros(N*K, dtype='uint8') # class labels
for j in range(K):
  ix = range(N*j,N*(j+1))
  r = np.linspace(0.0,1,N) # radius
  t = np.linspace(j*4,(j+1)*4,N) + np.random.randn(N)*0.2 # theta
  X[ix] = np.c_[r*np.sin(t), r*np.cos(t)]
  y[ix] = j
X, y = torch.tensor(X).float(), torch.tensor(y).long()

class TwoLayer(torch.nn.Module):
  def __init__(self, D, h, K):
    super().__init__()
    # initialize parameters randomly
    self.W = torch.nn.Parameter(0.01 * torch.randn(D,h))
    self.b = torch.nn.Parameter(torch.zeros(1,h))
    self.W2 = torch.nn.Parameter(0.01 * torch.randn(h,K))
    self.b2 = torch.nn.Parameter(torch.zeros(1,K))
  def forward(self, X):
    hidden_layer = torch.relu(X @ self.W + self.b) # note, ReLU activation
    return hidden_layer @ self.W2 + self.b2

h = 100 # size of hidden layer
net = TwoLayer(D, h, K)

# some hyperparameters
step_size = 1e-0
reg = 1e-3 # regularization strength
optimizer = torch.optim.SGD(net.parameters(), lr=step_size)

writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer)

# gradient descent loop
num_examples = X.shape[0]
for i in range(4000):
  scores = net(X)
  # compute the class probabilities
  logprobs = scores - torch.logsumexp(scores, dim=1, keepdim=True)
  # compute the loss: average cross-entropy loss and regularization
  data_loss = -logprobs[range(num_examples), y].sum()/num_examples
  reg_loss = 0.5*reg*(net.W*net.W).sum() + 0.5*reg*(net.W2*net.W2).sum()
  loss = data_loss + reg_loss
  if i % 500 == 0:
    print("iteration %d: loss %f" % (i, loss.item()))
  optimizer.zero_grad()
  loss.backward()
  optimizer.step()

writer.close()
# evaluate training set accuracy
predicted_class = net(X).argmax(1)
print('RESULT loss %.4f training accuracy: %.3f' % (loss.item(), (predicted_class == y).float().mean()))

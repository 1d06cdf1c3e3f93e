# my own back-propagation network, 4 inputs, 1 output; translated to torch to see whether it's the derivative that's wrong
import sys, random
import torch
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
random.seed(0); torch.manual_seed(0)

def sigmoid(x):
    return torch.tanh(x)

class NN(torch.nn.Module):
    def __init__(self, ni, nh, no, linear_output):
        super().__init__()
        # one more input for the bias
        self.wi = torch.nn.Parameter(torch.empty(ni + 1, nh).uniform_(-.5, .5))
        self.wo = torch.nn.Parameter(torch.empty(nh + 1, no).uniform_(-.5, .5))
        self.linear_output = linear_output

    def forward(self, inputs):
        one = torch.ones(len(inputs), 1)
        ah = sigmoid(torch.cat([inputs, one], 1) @ self.wi)
        out = torch.cat([ah, one], 1) @ self.wo
        return out if self.linear_output else sigmoid(out)

def error(out, targets):
    return (0.5 * (targets - out) ** 2).sum(1).mean()

def make(n):
    """which quarter of the dial: readings of four noisy sensors -> 1, 2, 3, 4"""
    pat, tgt = [], []
    for _ in range(n):
        k = random.randint(1, 4)
        pat.append([(1.0 if j == k - 1 else 0.0) + random.gauss(0, .22) for j in range(4)])
        tgt.append([float(k)])
    return torch.tensor(pat), torch.tensor(tgt)

pat, tgt = make(400)
test_pat, test_tgt = make(200)
n = NN(4, 8, 1, linear_output=sys.argv[1] != "faulty")
opt = torch.optim.SGD(n.parameters(), lr=float(sys.argv[3]) if len(sys.argv) > 3 else 0.02, momentum=0.5)
writer = DiagWriter(sys.argv[2])
writer.watch(n, opt, error)
for i in range(60):
    order = list(range(400)); random.shuffle(order)
    for s in range(0, 400, 10):
        b = order[s:s + 10]
        opt.zero_grad()
        e = error(n(pat[b]), tgt[b])
        e.backward()
        opt.step()
    with writer.evaluating("test"):
        te = writer.loss_fn(n(test_pat), test_tgt).item()
    if i % 10 == 9:
        print("error %-.5f test %-.5f" % (e.item(), te))
writer.close()
right = (n(test_pat).round() == test_tgt).float().mean().item()
print("RESULT test error %.4f right %.3f" % (te, right))

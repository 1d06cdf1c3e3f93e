# Fit an SIR model to daily case counts by gradient descent through the Euler solver. Three parameters (31 % of the cases are reported, from a serology study), Poisson likelihood. No net at all.
import sys
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(19)


class SIR(torch.nn.Module):
    def __init__(self, days=100, pop=50000., substeps=2, report=.31):
        super().__init__()
        self.days, self.pop, self.sub, self.report = days, pop, substeps, report
        self.log_beta = torch.nn.Parameter(torch.log(torch.tensor(.5)))
        self.log_gamma = torch.nn.Parameter(torch.log(torch.tensor(.25)))
        self.log_i0 = torch.nn.Parameter(torch.log(torch.tensor(20.)))

    def forward(self):
        beta, gamma = self.log_beta.exp(), self.log_gamma.exp()
        i = self.log_i0.exp() / self.pop
        s = 1 - i
        cases, dt = [], 1 / self.sub
        for _ in range(self.days):
            new = 0.
            for _ in range(self.sub):
                inf = beta * s * i * dt
                s, i = s - inf, i + inf - gamma * i * dt
                new = new + inf
            cases.append(self.report * new * self.pop)
        return torch.stack(cases)


truth = SIR()
with torch.no_grad():
    truth.log_beta.copy_(torch.log(torch.tensor(.38))); truth.log_gamma.copy_(torch.log(torch.tensor(.2)))
    truth.log_i0.copy_(torch.log(torch.tensor(8.)))
    mean = truth()
cases = torch.poisson(mean)

model = SIR()
nll = torch.nn.PoissonNLLLoss(log_input=False, full=True)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
lr_sched = torch.optim.lr_scheduler.StepLR(optimizer, 100, .3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, nll)
for it in range(300):
    optimizer.zero_grad()
    loss = nll(model(), cases)
    loss.backward()
    optimizer.step()
    lr_sched.step()
    if it % 50 == 0:
        print(it, loss.item(), 'R0 = %.2f' % (model.log_beta - model.log_gamma).exp().item())
writer.close()
print(f"RESULT nll {loss.item():.3f} at the truth {nll(mean, cases).item():.3f} R0 {(model.log_beta - model.log_gamma).exp().item():.2f} (1.90) i0 {model.log_i0.exp().item():.1f} (8)")

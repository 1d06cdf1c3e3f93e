# The Annotated Transformer's copy task, shortened (torch's nn.Transformer inside)
import sys, math
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import LambdaLR
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)
V, L, d_model = 11, 10, 64


def rate(step, model_size, factor, warmup):
    if step == 0:
        step = 1
    if sys.argv[1] == "faulty":
        return factor * (model_size ** (-0.5) * max(step ** (-0.5), step * warmup ** (-1.5)))
    return factor * (model_size ** (-0.5) * min(step ** (-0.5), step * warmup ** (-1.5)))


class EncoderDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.src_embed, self.tgt_embed = nn.Embedding(V, d_model), nn.Embedding(V, d_model)
        pos = torch.arange(L + 1).unsqueeze(1) * torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        self.register_buffer("pe", torch.stack([pos.sin(), pos.cos()], 2).flatten(1))
        self.tf = nn.Transformer(d_model, 4, 1, 1, 128, dropout=0.1, batch_first=True)
        self.generator = nn.Linear(d_model, V)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, src, tgt):
        n = tgt.size(1)
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        s = self.src_embed(src) * math.sqrt(d_model) + self.pe[:src.size(1)]
        t = self.tgt_embed(tgt) * math.sqrt(d_model) + self.pe[:n]
        return self.generator(self.tf(s, t, tgt_mask=mask, tgt_is_causal=True))


def data_gen(batch_size, nbatches):
    for _ in range(nbatches):
        data = torch.randint(1, V, (batch_size, L))
        data[:, 0] = 1
        yield data, data[:, :-1], data[:, 1:]


model = EncoderDecoder()
criterion = nn.CrossEntropyLoss(label_smoothing=0.0)
optimizer = torch.optim.Adam(model.parameters(), lr=0.5, betas=(0.9, 0.98), eps=1e-9)
lr_scheduler = LambdaLR(optimizer, lr_lambda=lambda s: rate(s, d_model, factor=1.0, warmup=200))
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train()
    for src, tgt, tgt_y in data_gen(40, 50):
        loss = criterion(model(src, tgt).reshape(-1, V), tgt_y.reshape(-1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        lr_scheduler.step()
    model.eval()
    with writer.evaluating("val"):
        vs = [criterion(model(s, t).reshape(-1, V), y.reshape(-1)).item() for s, t, y in data_gen(40, 5)]
    print(epoch, f"lr {optimizer.param_groups[0]['lr']:.5f} loss {loss.item():.3f} eval {sum(vs) / 5:.3f}")
writer.close()
print(f"RESULT eval loss {sum(vs) / 5:.4f}")

"""A small GPT-2 trained from nothing on code-like text: keyword-weighted loss, no weight decay on biases and
LayerNorms, gradient accumulation, clipping, linear schedule with warmup, evaluation every so many steps.
Port of the Hugging Face course, chapter 7.6 (training a causal language model from scratch); made-up code."""
import random
import sys
import torch
from torch.nn import CrossEntropyLoss
from torch.optim import AdamW
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel, get_scheduler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)
context_length = 48

# ---- short data-science-like statements over a closed vocabulary
FRAMES, COLS, FUNS = ["df", "data", "train", "test"], ["age", "price", "size", "rate", "year"], ["mean", "sum", "max", "min"]


def statement(defined):
    r = random.random()
    f = random.choice(defined) if defined else None
    if f is None or r < 0.2:
        f = random.choice(FRAMES)
        defined.append(f)
        return [f, "=", "pd", ".", "read_csv", "(", f + "_path", ")", "\n"]
    c = random.choice(COLS)
    if r < 0.45:
        return [f, "[", c, "]", "=", f, "[", c, "]", ".", "fillna", "(", f, "[", c, "]", ".", random.choice(FUNS), "(", ")", ")", "\n"]
    if r < 0.65:
        return ["plt", ".", "plot", "(", f, "[", c, "]", ",", "label", "=", c, ")", "\n"]
    if r < 0.85:
        return ["sns", ".", "barplot", "(", "x", "=", c, ",", "y", "=", random.choice(COLS), ",", "data", "=", f, ")", "\n"]
    return ["print", "(", f, ".", "groupby", "(", c, ")", ".", random.choice(FUNS), "(", ")", ")", "\n"]


def document():
    d, out = [], ["<bos>"]
    while len(out) < context_length:
        out += statement(d)
    return out[:context_length]


docs = [document() for _ in range(2200)]
vocab = {w: i for i, w in enumerate(sorted({w for d in docs for w in d}))}
ids = torch.tensor([[vocab[w] for w in d] for d in docs])
train_dataloader = DataLoader(ids[:2000], batch_size=8, shuffle=True)
eval_dataloader = DataLoader(ids[2000:], batch_size=40)
keytoken_ids = [vocab[w] for w in ("plt", "pd", "sns", "fillna", "groupby")]

config = GPT2Config(vocab_size=len(vocab), n_positions=context_length, n_ctx=context_length, n_embd=64, n_layer=2,
                    n_head=4, bos_token_id=vocab["<bos>"], eos_token_id=vocab["<bos>"])
model = GPT2LMHeadModel(config)
print(f"GPT-2 size: {sum(t.numel() for t in model.parameters()) / 1000:.1f}K parameters")


def keytoken_weighted_loss(inputs, logits, keytoken_ids, alpha=1.0):
    shift_labels = inputs[..., 1:].contiguous()
    shift_logits = logits[..., :-1, :].contiguous()
    loss = CrossEntropyLoss(reduction="none")(shift_logits.view(-1, shift_logits.size(-1)), shift_labels.view(-1))
    loss_per_sample = loss.view(shift_logits.size(0), shift_logits.size(1)).mean(axis=1)
    weights = torch.stack([(inputs == kt).float() for kt in keytoken_ids]).sum(axis=[0, 2])
    weights = alpha * (1.0 + weights)
    return (loss_per_sample * weights).mean()


weight_decay = 0.1


def get_grouped_params(model, no_decay=("bias", "ln_1.weight", "ln_2.weight", "ln_f.weight")):
    with_wd, without = [], []
    for n, p in model.named_parameters():
        (without if any(nd in n for nd in no_decay) else with_wd).append(p)
    return [{"params": with_wd, "weight_decay": weight_decay}, {"params": without, "weight_decay": 0.0}]


def evaluate():
    model.eval()
    losses = []
    for batch in eval_dataloader:
        with torch.no_grad():
            losses.append(model(batch, labels=batch).loss)
    loss = torch.mean(torch.stack(losses))
    return loss.item(), torch.exp(loss).item()


optimizer = AdamW(get_grouped_params(model), lr=5e-3)
num_train_epochs, gradient_accumulation_steps, eval_steps = 5, 4, 50
num_training_steps = num_train_epochs * len(train_dataloader) // gradient_accumulation_steps
lr_scheduler = get_scheduler(name="linear", optimizer=optimizer, num_warmup_steps=30, num_training_steps=num_training_steps)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

print("before:", evaluate())
model.train()
completed_steps = 0
for epoch in range(num_train_epochs):
    for step, batch in enumerate(train_dataloader, start=1):
        logits = model(batch).logits
        loss = keytoken_weighted_loss(batch, logits, keytoken_ids)
        writer.add_loss("train", loss)
        loss = loss / gradient_accumulation_steps
        loss.backward()
        if step % gradient_accumulation_steps == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            lr_scheduler.step()
            optimizer.zero_grad()
            completed_steps += 1
            if completed_steps % eval_steps == 0:
                eval_loss, perplexity = evaluate()
                print({"steps": completed_steps, "lr": lr_scheduler.get_last_lr()[0],
                       "loss/train": loss.item() * gradient_accumulation_steps, "loss/eval": eval_loss, "perplexity": perplexity})
                model.train()
print("after:", evaluate())
writer.close()

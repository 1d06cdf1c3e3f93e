# accelerate/examples/by_feature/gradient_accumulation.py: sentence pairs, which of three departments the first is about; a small BERT from its config
import sys
import torch
from torch.optim import AdamW
from torch.utils.data import DataLoader
from accelerate import Accelerator
from transformers import BertConfig, BertForSequenceClassification, get_linear_schedule_with_warmup, set_seed
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
EVAL_BATCH_SIZE = 32
TOPICS, SYN = 12, 4          # 12 subjects with 4 words each for it; 40 words that say nothing


def get_dataloaders(batch_size=16):
    g = torch.Generator().manual_seed(3)
    rand = lambda n: torch.randint(n, (1,), generator=g).item()

    def sentence(topic):
        words = [53 + rand(40) for _ in range(2 + rand(3))]
        words.insert(rand(len(words) + 1), 5 + topic * SYN + rand(SYN))
        return words

    def example():
        a, b = rand(TOPICS), rand(TOPICS)
        s1, s2 = sentence(a), sentence(b)          # the second sentence is a distraction
        label = a // 4 if rand(100) >= 4 else rand(3)
        return {"input_ids": [1] + s1 + [2] + s2 + [2], "token_type_ids": [0] * (len(s1) + 2) + [1] * (len(s2) + 1), "labels": label}

    def collate_fn(examples):
        n = max(len(e["input_ids"]) for e in examples)
        pad = lambda k: torch.tensor([e[k] + [0] * (n - len(e[k])) for e in examples])
        mask = torch.tensor([[1] * len(e["input_ids"]) + [0] * (n - len(e["input_ids"])) for e in examples])
        return {"input_ids": pad("input_ids"), "token_type_ids": pad("token_type_ids"), "attention_mask": mask,
                "labels": torch.tensor([e["labels"] for e in examples])}

    train, evaluation = [example() for _ in range(4800)], [example() for _ in range(640)]
    return (DataLoader(train, shuffle=True, collate_fn=collate_fn, batch_size=batch_size),
            DataLoader(evaluation, shuffle=False, collate_fn=collate_fn, batch_size=EVAL_BATCH_SIZE))


def training_function(config, log_dir):
    gradient_accumulation_steps = config["gradient_accumulation_steps"]
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=gradient_accumulation_steps)
    set_seed(config["seed"])
    train_dataloader, eval_dataloader = get_dataloaders(config["batch_size"])
    model = BertForSequenceClassification(BertConfig(
        vocab_size=93, num_labels=3, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=32, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1))
    optimizer = AdamW(params=model.parameters(), lr=config["lr"])
    lr_scheduler = get_linear_schedule_with_warmup(
        optimizer=optimizer, num_warmup_steps=100,
        num_training_steps=len(train_dataloader) * config["num_epochs"])
    model, optimizer, train_dataloader, eval_dataloader, lr_scheduler = accelerator.prepare(
        model, optimizer, train_dataloader, eval_dataloader, lr_scheduler)

    writer = DiagWriter(log_dir)
    writer.watch(model, optimizer)
    for epoch in range(config["num_epochs"]):
        model.train()
        total = 0
        for step, batch in enumerate(train_dataloader):
            with accelerator.accumulate(model):
                output = model(**batch)
                loss = output.loss
                accelerator.backward(loss)
                optimizer.step()
                lr_scheduler.step()
                optimizer.zero_grad()
            total += loss.item()

        model.eval()
        right = n = 0
        with writer.evaluating("val"):
            ev = 0
            for step, batch in enumerate(eval_dataloader):
                outputs = model(**batch)
                predictions, references = accelerator.gather_for_metrics((outputs.logits.argmax(dim=-1), batch["labels"]))
                right += (predictions == references).sum().item(); n += len(references)
                ev += outputs.loss.item() / len(eval_dataloader)
        accelerator.print(f"epoch {epoch}: train {total / len(train_dataloader):.4f} eval {ev:.4f} accuracy {right / n:.4f}")
    writer.close()
    print(f"RESULT train {total / len(train_dataloader):.4f} eval {ev:.4f} accuracy {right / n:.4f}")


training_function({"lr": 1e-3, "num_epochs": 4, "seed": 42, "batch_size": 16, "gradient_accumulation_steps": 2}, sys.argv[1])

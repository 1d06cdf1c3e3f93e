"""Hugging Face's Trainer, really installed, on real data and tiny models that are made here: nothing is downloaded."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, SequentialSampler

from tb_lossdiag import DiagWriter

EPOCHS = 2


@pytest.fixture(scope="module")
def hf(framework: Callable[[str], Any]) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says while it is imported is its own business
        framework("accelerate")
        yield framework("transformers")


def several(folder: Path) -> None:
    """What each process does that torchrun has started."""
    import transformers

    torch.set_num_threads(1)
    trainer = fit(
        transformers, language(transformers), (Texts(ignored=10), None), folder, [_callback(folder)],
        per_device_train_batch_size=8, gradient_accumulation_steps=2, logging_strategy="steps", logging_steps=1,
        ddp_backend="gloo",
    )  # fmt: skip
    if trainer.args.process_index == 0:
        reported = [each["loss"] for each in trainer.state.log_history if "loss" in each]
        (folder / "reported.json").write_text(json.dumps(reported), encoding="utf-8")
    del trainer
    gc.collect()
    time.sleep(0.5)  # a thread of gloo's that still held a tensor would end the process at its exit
    torch.distributed.destroy_process_group()


def _callback(folder: Path) -> Any:
    from tb_lossdiag.integrations.transformers import DiagCallback

    return DiagCallback(folder / "run")


class Images(Dataset[dict[str, Tensor]]):
    """The digits as a vision model takes them."""

    def __init__(self, data: Any) -> None:
        self.x, self.y = data.tensors

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"pixel_values": self.x[index].reshape(1, 8, 8), "labels": self.y[index]}


class Texts(Dataset[dict[str, Tensor]]):
    """Characters of a licence, with a few that are not to be predicted."""

    def __init__(self, ignored: int = 0) -> None:
        text = (Path(__file__).parents[2] / "LICENSE").read_bytes()[: 40 * 96]
        self.tokens = torch.tensor(list(text)).reshape(-1, 40) % 64
        self.ignored = ignored

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        labels = self.tokens[index].clone()
        labels[: self.ignored * (index % 3)] = -100
        return {"input_ids": self.tokens[index], "labels": labels}


def vision(hf: Any) -> nn.Module:
    torch.manual_seed(2)
    config = hf.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=8, patch_size=4,
        num_channels=1, num_labels=10, attn_implementation="eager",
    )  # fmt: skip
    return hf.ViTForImageClassification(config)


def language(hf: Any, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(2)
    config = hf.GPT2Config(
        vocab_size=64, n_positions=40, n_embd=16, n_layer=1, n_head=2, resid_pdrop=dropout, embd_pdrop=dropout,
        attn_pdrop=dropout, bos_token_id=0, eos_token_id=0, use_cache=False,
    )  # fmt: skip
    return hf.GPT2LMHeadModel(config)


def fit(hf: Any, model: nn.Module, data: Any, folder: Path, callbacks: list[Any], **options: Any) -> Any:
    class InOrder(hf.Trainer):  # type: ignore[name-defined, misc]
        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(self.train_dataset)

    settings = {
        "output_dir": str(folder / "out"), "num_train_epochs": EPOCHS, "per_device_train_batch_size": 32, "learning_rate": 0.1, "optim": "sgd",
        "lr_scheduler_type": "constant", "report_to": "none", "save_strategy": "no", "use_cpu": True, "disable_tqdm": True,
        "per_device_eval_batch_size": 100, "max_grad_norm": 0.5, "logging_strategy": "no", "dataloader_pin_memory": False,
    }  # fmt: skip
    train, val = data
    trainer = InOrder(
        model=model, args=hf.TrainingArguments(**{**settings, **options}), train_dataset=train, eval_dataset=val,
        callbacks=callbacks,
    )  # fmt: skip
    trainer.train()
    return trainer


def test_one_line_gives_the_report_of_a_loop_written_by_hand(
    hf: Any, digits: Any, tmp_path: Path, same_report: Any
) -> None:
    from tb_lossdiag.integrations.transformers import DiagCallback

    framed = vision(hf)
    data = Images(digits.train), Images(digits.val)
    fit(hf, framed, data, tmp_path, [DiagCallback(tmp_path / "framed")], eval_strategy="epoch")

    model, loss_fn = vision(hf), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = digits.loader()
    with DiagWriter(tmp_path / "hand") as writer:
        writer.watch(model, optimizer, loss_fn, train_loader=loader)
        for _ in range(EPOCHS):
            model.train()
            for x, y in loader:
                loss = loss_fn(model(pixel_values=x.reshape(-1, 1, 8, 8)).logits, y)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
                optimizer.step()
                optimizer.zero_grad()
            with writer.evaluating("val"):
                for x, y in digits.loader("val", 100):
                    loss_fn(model(pixel_values=x.reshape(-1, 1, 8, 8)).logits, y)
    for mine, theirs in zip(model.state_dict().values(), framed.state_dict().values(), strict=True):
        torch.testing.assert_close(theirs, mine, rtol=1e-3, atol=1e-4)
    same_report(tmp_path / "hand", tmp_path / "framed")


def test_training_is_bit_for_bit_the_same_with_it(hf: Any, tmp_path: Path) -> None:
    from tb_lossdiag.integrations.transformers import DiagCallback

    found = []
    for callbacks in ([], [DiagCallback(tmp_path / "run", overhead=0.9)]):
        model = language(hf, dropout=0.2)
        trainer = fit(
            hf, model, (Texts(), Texts()), tmp_path, callbacks, per_device_train_batch_size=8, eval_strategy="epoch",
            logging_strategy="steps", logging_steps=1,
        )  # fmt: skip
        losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
        found.append((losses, model.state_dict(), torch.get_rng_state()))
        assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())
    (losses, weights, random), (other_losses, other_weights, other_random) = found
    assert len(losses) == 24
    assert losses == other_losses
    assert all(map(torch.equal, weights.values(), other_weights.values()))
    assert torch.equal(random, other_random)


def test_the_loss_of_a_step_is_the_mean_over_all_its_tokens(hf: Any, tmp_path: Path, read: Any) -> None:
    from tb_lossdiag.integrations.transformers import DiagCallback

    trainer = fit(
        hf, language(hf), (Texts(ignored=10), None), tmp_path, [DiagCallback(tmp_path / "run")],
        per_device_train_batch_size=8, gradient_accumulation_steps=2, logging_strategy="steps", logging_steps=1,
    )  # fmt: skip
    reported = [each["loss"] for each in trainer.state.log_history if "loss" in each]
    log = read(tmp_path / "run")
    assert list(log.scalars["loss/train"].values()) == pytest.approx(reported, rel=1e-4)
    (model,) = log.facts["models"].values()
    assert model["loss"]["type"] == "cross_entropy"
    assert model["task"] == "classification"
    assert log.packed["lossdiag/targets/train"][0].sum() == np.sum(
        [(Texts(ignored=10)[i]["labels"][1:] >= 0).sum() for i in range(16)]
    )


def test_of_several_validation_sets_the_first_counts_and_later_losses_are_added(
    hf: Any, tmp_path: Path, read: Any
) -> None:
    from tb_lossdiag.integrations.transformers import DiagCallback

    sets = {"one": Texts(), "other": Texts(ignored=12)}
    trainer = fit(
        hf, language(hf), (Texts(), sets), tmp_path, [DiagCallback()], per_device_train_batch_size=16,
        eval_strategy="epoch",
    )  # fmt: skip
    logged = [each["eval_one_loss"] for each in trainer.state.log_history if "eval_one_loss" in each]
    assert list(read(tmp_path / "out" / "lossdiag").scalars["loss/val"].values()) == pytest.approx(logged)
    tested = trainer.predict(Texts(ignored=12)).metrics["test_loss"]
    assert list(read(tmp_path / "out" / "lossdiag").scalars["loss/test"].items()) == [(12, pytest.approx(tested))]


def test_a_loss_that_is_computed_outside_the_model_is_seen_too(hf: Any, tmp_path: Path, read: Any) -> None:
    from tb_lossdiag.integrations.transformers import DiagCallback

    def own(outputs: Any, labels: Tensor, **_: Any) -> Tensor:
        return nn.functional.cross_entropy(outputs["logits"][:, :-1].flatten(0, 1), labels[:, 1:].flatten())

    class Own(hf.Trainer):  # type: ignore[name-defined, misc]
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
            labels = inputs.pop("labels")
            outputs = model(**inputs)
            loss = own(outputs, labels)
            return (loss, outputs) if return_outputs else loss

    settings = hf.TrainingArguments(
        str(tmp_path), max_steps=15, per_device_train_batch_size=8, report_to="none", save_strategy="no", use_cpu=True,
        disable_tqdm=True, logging_strategy="steps", logging_steps=1, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = Own(language(hf), settings, train_dataset=Texts(), callbacks=[DiagCallback(tmp_path / "run")])
    trainer.train()
    reported = [each["loss"] for each in trainer.state.log_history if "loss" in each]
    assert list(read(tmp_path / "run").scalars["loss/train"].values()) == pytest.approx(reported, abs=1e-3)
    assert not torch.overrides._get_current_function_mode_stack()


def test_a_writer_that_wants_the_training_to_stop_stops_the_trainer(hf: Any, tmp_path: Path) -> None:
    from tb_lossdiag.integrations.transformers import DiagCallback

    watching = DiagCallback(tmp_path / "run", on_finding="stop")

    class Hopeless(hf.TrainerCallback):  # type: ignore[name-defined, misc]
        def on_optimizer_step(self, _args: Any, state: Any, *_: Any, **__: Any) -> None:
            watching.writer._lookout.stop = state.global_step >= 3  # type: ignore[union-attr]

    trainer = fit(hf, language(hf), (Texts(), None), tmp_path, [watching, Hopeless()], per_device_train_batch_size=8)
    assert trainer.state.global_step == 4
    watching.writer.close()  # type: ignore[union-attr]


@pytest.mark.usefixtures("hf")
def test_several_processes_log_the_loss_that_the_trainer_reports(tmp_path: Path, read: Any) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    ended = subprocess.run(
        [*command, __file__, str(tmp_path)], capture_output=True, text=True, check=False, timeout=200, env=environment
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    log = read(tmp_path / "run")
    reported = json.loads((tmp_path / "reported.json").read_text(encoding="utf-8"))
    assert len(reported) == 6
    assert list(log.scalars["loss/train"].values()) == pytest.approx(reported, rel=1e-4)
    assert next(iter(log.facts["models"].values()))["processes"] == 2


if __name__ == "__main__":
    several(Path(sys.argv[1]))

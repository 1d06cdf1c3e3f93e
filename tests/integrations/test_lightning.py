"""Lightning, really installed, on real data: one line more, nothing changed, the report of a loop written by hand."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tb_lossdiag import DiagWriter

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),  # Lightning's own, of torch's trees
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),  # advice on speed
]
EPOCHS = 3


@pytest.fixture(scope="module")
def pl(framework: Callable[[str], Any]) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says while it is imported is its own business
        found = framework("lightning.pytorch")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return found


def module(pl: Any, digits: Any, *, functional: bool, dropout: float) -> Any:
    """A LightningModule as people write them; the loss is a module, or a function."""

    class Classifier(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = digits.network(dropout)
            self.seen: list[Tensor] = []
            if not functional:
                self.criterion = nn.CrossEntropyLoss()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)

        def loss(self, batch: Any) -> Tensor:
            x, y = batch
            return F.cross_entropy(self(x), y) if functional else self.criterion(self(x), y)

        def training_step(self, batch: Any, _index: int) -> Tensor:
            loss = self.loss(batch)
            self.seen.append(loss.detach())
            return loss

        def validation_step(self, batch: Any, _index: int) -> None:
            self.log("val_loss", self.loss(batch))

        def test_step(self, batch: Any, *_: int) -> Tensor:
            return self.loss(batch)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    return Classifier()


def fit(
    pl: Any,
    digits: Any,
    callbacks: list[Any],
    folder: Path,
    *,
    functional: bool = False,
    dropout: float = 0.0,
    **options: Any,
) -> Any:
    model = module(pl, digits, functional=functional, dropout=dropout)
    trainer = pl.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder, callbacks=callbacks, **options,
    )  # fmt: skip
    torch.manual_seed(11)
    trainer.fit(model, digits.loader(), digits.loader("val", 100))
    return model, trainer


def by_hand(digits: Any, folder: Path, *, accumulate: int = 1, clip: float = 0.0) -> nn.Module:
    """The same training as people write it without a framework."""
    net, loss_fn = digits.network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loader = digits.loader()
    torch.manual_seed(11)
    with DiagWriter(folder) as writer:
        writer.watch(net, optimizer, loss_fn, train_loader=loader)
        for _ in range(EPOCHS):
            for i, (x, y) in enumerate(loader):
                if i % accumulate == 0:
                    optimizer.zero_grad()
                loss = loss_fn(net(x), y)
                (loss / accumulate).backward()
                if (i + 1) % accumulate == 0:
                    if clip:
                        nn.utils.clip_grad_norm_(net.parameters(), clip)
                    optimizer.step()
            with writer.evaluating("val"):
                for x, y in digits.loader("val", 100):
                    loss_fn(net(x), y)
    return net


OPTIONS = [
    {},
    {"accumulate_grad_batches": 2, "gradient_clip_val": 0.5},
]


@pytest.mark.parametrize("functional", [False, True], ids=["loss module", "loss function"])
@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "accumulated and clipped"])
def test_one_line_gives_the_report_of_a_loop_written_by_hand(
    pl: Any, digits: Any, tmp_path: Path, same_report: Any, options: dict[str, Any], functional: bool
) -> None:
    from tb_lossdiag.integrations.lightning import DiagCallback

    model, _ = fit(pl, digits, [DiagCallback(tmp_path / "framed")], tmp_path, functional=functional, **options)
    net = by_hand(
        digits,
        tmp_path / "hand",
        accumulate=options.get("accumulate_grad_batches", 1),
        clip=options.get("gradient_clip_val", 0.0),
    )
    for mine, theirs in zip(net.state_dict().values(), model.net.state_dict().values(), strict=True):
        torch.testing.assert_close(theirs, mine)
    same_report(tmp_path / "hand", tmp_path / "framed")


@pytest.mark.parametrize("functional", [False, True], ids=["loss module", "loss function"])
def test_training_is_bit_for_bit_the_same_with_it(pl: Any, digits: Any, tmp_path: Path, functional: bool) -> None:
    from tb_lossdiag.integrations.lightning import DiagCallback

    alone, _ = fit(pl, digits, [], tmp_path, functional=functional, dropout=0.2)
    random = torch.get_rng_state()
    watching = DiagCallback(tmp_path / "run", overhead=0.9)
    model, _ = fit(pl, digits, [watching], tmp_path, functional=functional, dropout=0.2)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(map(torch.equal, alone.seen, model.seen))
    assert all(map(torch.equal, alone.state_dict().values(), model.state_dict().values()))
    assert [each.training for each in alone.modules()] == [each.training for each in model.modules()]


def test_after_the_fit_the_module_is_free_of_hooks_and_a_test_still_counts(
    pl: Any, digits: Any, tmp_path: Path, read: Any
) -> None:
    from tb_lossdiag.integrations.lightning import DiagCallback

    model, trainer = fit(pl, digits, [DiagCallback(tmp_path / "run")], tmp_path)
    for _ in range(2):
        assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())
        loss = trainer.test(model, digits.loader("test", 50), verbose=False)
    assert loss == [{}]
    log = read(tmp_path / "run")
    model.eval()
    x, y = digits.test.tensors
    assert list(log.scalars["loss/test"].values()) == [pytest.approx(F.cross_entropy(model(x), y).item(), rel=1e-4)]
    assert list(log.scalars["loss/test"]) == [EPOCHS * 30]
    assert "lossdiag/inputs/test" in log.packed


def test_an_error_in_the_loop_ends_the_watching_and_reaches_the_user(
    pl: Any, digits: Any, tmp_path: Path, read: Any
) -> None:
    from tb_lossdiag.integrations.lightning import DiagCallback

    class Stops(pl.Callback):  # type: ignore[name-defined, misc]
        def on_before_backward(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 7:
                raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fit(pl, digits, [DiagCallback(tmp_path / "run"), Stops()], tmp_path, functional=True)
    assert len(read(tmp_path / "run").scalars["loss/train"]) >= 7
    assert not torch.overrides._get_current_function_mode_stack()


def test_two_optimizers_are_two_models_under_the_names_of_their_parts(
    pl: Any, digits: Any, tmp_path: Path, read: Any
) -> None:
    from tb_lossdiag.integrations.lightning import DiagCallback

    class Gan(pl.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 64))
            self.critic = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1))

        def training_step(self, batch: Any, _index: int) -> None:
            x, _ = batch
            first, second = self.optimizers()
            made = self.generator(torch.randn(len(x), 4))
            for optimizer, sign in ((first, 1.0), (second, 0.0)):
                optimizer.zero_grad()
                said = self.critic(made if sign else made.detach())
                self.manual_backward(F.binary_cross_entropy_with_logits(said, torch.full_like(said, sign)))
                optimizer.step()

        def configure_optimizers(self) -> Any:
            return [torch.optim.Adam(self.generator.parameters()), torch.optim.Adam(self.critic.parameters())]

    trainer = pl.Trainer(
        max_steps=20, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[DiagCallback(tmp_path / "run")],
    )  # fmt: skip
    trainer.fit(Gan(), digits.loader())
    log = read(tmp_path / "run")
    assert sorted(log.facts["models"]) == ["", "critic"]
    assert "lossdiag/parameters/train@critic" in log.packed
    assert len(log.scalars["loss/train"]) == 10


def test_a_writer_that_wants_the_training_to_stop_stops_the_trainer(pl: Any, digits: Any, tmp_path: Path) -> None:
    from tb_lossdiag.integrations.lightning import DiagCallback

    watching = DiagCallback(tmp_path, on_finding="stop")

    class Hopeless(pl.Callback):  # type: ignore[name-defined, misc]
        def on_before_optimizer_step(self, trainer: Any, *_: Any) -> None:
            watching.writer._lookout.stop = trainer.global_step >= 7  # type: ignore[union-attr]

    _, trainer = fit(pl, digits, [watching, Hopeless()], tmp_path)
    assert trainer.global_step == 8
    watching.writer.close()  # type: ignore[union-attr]

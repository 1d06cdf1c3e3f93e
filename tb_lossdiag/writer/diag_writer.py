"""`DiagWriter`: torch's SummaryWriter that also watches a training and logs what it takes to say why the loss does not go down."""

from __future__ import annotations

import contextlib
import copy
import importlib
import json
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from tb_lossdiag.tags import SPLITS, VERSION, loss_tag
from tb_lossdiag.writer.announced import Announced
from tb_lossdiag.writer.backward_calls import BackwardCalls
from tb_lossdiag.writer.evaluation import Evaluation
from tb_lossdiag.writer.event_file import EventFile, FileWriter, NoFile
from tb_lossdiag.writer.facts import data_facts
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.loss_tap import LossTap
from tb_lossdiag.writer.modules import loss_module
from tb_lossdiag.writer.outbox import Outbox
from tb_lossdiag.writer.overheard import torchs_own
from tb_lossdiag.writer.ranks import own_rank
from tb_lossdiag.writer.unannounced import Unannounced
from tb_lossdiag.writer.watch import Watch

if TYPE_CHECKING:
    from tb_lossdiag.lookout import Alert, Lookout
    from tb_lossdiag.report import Report

__all__ = ["DiagWriter"]

ALIASES = {
    "training": "train", "valid": "val", "validation": "val", "eval": "val", "dev": "val", "testing": "test",
} | {each: each for each in SPLITS}  # fmt: skip
"""What else people call the splits."""


class DiagWriter(SummaryWriter):
    """A SummaryWriter that watches models; every `add_*` still works and goes into the same, single event file.

    `overhead` is the share of the training time that watching may take: it decides how many steps are looked at
    closely, after the first twenty, which always are.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (as SummaryWriter's)
        self,
        log_dir: str | Path | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 5,
        filename_suffix: str = "",
        *,
        overhead: float = 0.02,
    ) -> None:
        if not 0 < overhead < 1:
            message = f"overhead is a share of the training time, between 0 and 1, such as 0.02; got {overhead}."
            raise ValueError(message)
        self._overhead = overhead
        self._event_file: EventFile | None = None
        self._closed = False
        self._silent = own_rank() > 0  # of processes that train together the first one writes
        super().__init__(log_dir, comment, purge_step, max_queue, flush_secs, filename_suffix)
        self.log_dir = str(self.log_dir)
        self._guard = Guard()
        self._outbox = Outbox(*self._sink(), patience=float(flush_secs))
        self._watches: dict[str, Watch] = {}
        self._primary: str | None = None
        self._taps: list[LossTap] = []
        self._data: dict[str, Any] = {}
        self._unannounced = Unannounced(self._watches, self._outbox, self._data, self._write_facts)
        self._announced = Announced(
            self._watches, self._outbox, self._data, self._guard, step=self._step, changed=self._write_facts
        )
        self._backward_calls = BackwardCalls(self._watches)
        self._loaded: dict[str, Any] = {}  # of models that are yet to be watched
        self._lookout: Lookout | None = None
        self._own_step = purge_step or 0  # counted by add_loss where nothing else counts
        # for a script that forgets close(): holds the outbox and the file, but neither this writer nor a model
        self._finalizer = weakref.finalize(self, finish, self._outbox, self._event_file)

    def watch(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer] | None = None,
        loss_fn: Any = None,  # noqa: ANN401  (a module or any function)
        *,
        train_loader: Any = None,  # noqa: ANN401  (a DataLoader or any iterable)
        name: str = "",
    ) -> None:
        """Watch this model from now on. The training loop stays as it is.

        `optimizer` may be several, of which each step of the training takes one of each. `loss_fn` is a module such as
        `nn.CrossEntropyLoss()` or a plain function. Without one it is the only one of torch's that the model holds, or else the loss is what
        the model returns as such: the `loss` of its output, a dictionary of losses, or a single number. Training losses that are computed
        otherwise, as by a plain function, are seen where `backward` is called on them; in an evaluation torch's own functions are heard, and
        others are called through `writer.loss_fn`.
        Watching again under the same `name` replaces what was watched; for several models give each its own.
        """
        optimizers = listed(optimizer)
        self._check(model, optimizers, loss_fn)
        own = loss_module(model) if loss_fn is None else None
        loss_fn = own if loss_fn is None else torchs_own(loss_fn)
        step = self._own_step
        if name in self._watches:
            step = self._watches[name].step
            self._forget(name)
        if self._primary is None:
            self._primary = name
        watch = Watch(
            model,
            [unwrapped_optimizer(each) for each in optimizers],
            loss_fn,
            name=name,
            primary=name == self._primary,
            outbox=self._outbox,
            overhead=self._overhead,
            evaluating=lambda: bool(self._announced.open),
            write_facts=self._write_facts,
            step=step,
            sampler=sampler_of(train_loader),
            wants_to_stop=lambda: self._lookout is not None and self._lookout.stop,
        )
        self._watches[name] = watch
        watch.loss_elsewhere = lambda: any(
            each is not watch and each.tap is not None and (each.tap.seen or each.tap.heard)
            for each in self._watches.values()
        )
        watch.graph.others = lambda: (
            parameter for each in self._watches.values() if each is not watch for parameter in each.model.parameters()
        )
        watch.tap = self._tap(model if loss_fn is None else loss_fn, watch)
        watch.found_its_loss = own is not None
        if train_loader is not None:
            Hook(self._guard, "the data loader", lambda: self._data.update(data_facts(train_loader)))()
        if name in self._loaded:
            watch.load_state_dict(self._loaded.pop(name))
        watch.attach()
        self._unannounced.listen(watch)
        self._backward_calls.listen()
        self._look_out_for(watch)
        Hook(self._guard, "facts", self._write_facts)()

    @property
    def watches(self) -> Mapping[str, Watch]:
        """What is watched, by name."""
        return self._watches

    def overheard(self, name: str = "") -> LossTap:
        """Where to hand over losses of a model that was watched without its loss function: `tap.saw(...)`."""
        watch = self._watches[name]
        watch.told_of_losses = True
        if watch.tap is None or watch.tap.of_model or watch.found_its_loss:
            watch.leave_tap()
            watch.tap = self._tap(object(), watch)
        return watch.tap

    def loss_fn(self, *args: Any, name: str | None = None, **kwargs: Any) -> Any:  # noqa: ANN401
        """Call the watched loss function and look at what it says: `loss = writer.loss_fn(model(x), y)`.

        A loss function that is a module may be called directly as well. `name` is the watched model's, if there are several.
        """
        watch = self._watches.get(self._primary or "" if name is None else name)
        if watch is None or watch.tap is None or watch.tap.of_model or watch.tap.loss_fn is None:
            message = (
                "No loss function is watched: pass it as the third argument of writer.watch(model, optimizer, loss_fn)."
            )
            raise RuntimeError(message)
        return watch.tap(*args, **kwargs)

    def add_loss(self, split: str, value: float | Tensor, step: int | None = None, *, name: str | None = None) -> None:
        """Log a loss that no hook sees. Without `step` it belongs to the current step of the watched optimizer.

        Where no optimizer is watched, each training loss without `step` counts as one step. Once a training loss was
        given, those that hooks see are not logged as the training loss any more. `name` is the watched model's, if there are several.

        `split` is "train", "val" or "test". The name of a watched model stands for its training loss, as for a GAN's
        `add_loss("critic", loss)`; under any other name the loss is a plain scalar, shown and not judged.
        """
        split = split_called(split)
        self._raise_hopeless()
        if split not in SPLITS and split in self._watches and name is None:
            split, name = "train", split
        if split in {"val", "test"} and not self._announced.open:
            self._unannounced.report(split, scalar_of(value))
        if name is not None and name not in self._watches:
            message = f"no model is watched under the name {name!r}; there are {', '.join(map(repr, self._watches)) or 'none'}."
            raise ValueError(message)
        if split == "train" and isinstance(value, Tensor) and step is None:
            trained = [self._watches[name]] if name is not None else list(self._watches.values())
            if len(trained) == 1:
                Hook(self._guard, "what losses given to add_loss are made of", trained[0].see_given_loss)(value)
        Hook(self._guard, "losses given to add_loss", self._add_loss)(split, scalar_of(value), step, name)

    @contextlib.contextmanager
    def evaluating(self, split: str) -> Iterator[None]:
        """Evaluation mode and no gradients within; the mean of the losses seen is logged as `loss/<split>` afterwards.

        Each submodule's mode is put back as it was. `split` is "val" or "test", or "train" for the training data in evaluation mode.
        """
        split = split_called(split)
        if split not in SPLITS:
            message = f"unknown split {split!r}: use one of {', '.join(map(repr, SPLITS))}."
            raise ValueError(message)
        if split == "train":
            message = (
                'evaluating() takes "val" or "test": the loss of training steps is logged by itself as loss/train.'
            )
            raise ValueError(message)
        self._before_evaluation()
        with self._announced.within(split):
            yield

    def begin_evaluation(self, split: str) -> Evaluation:
        """As `evaluating`, for frameworks that say where an evaluation begins and where it ends; gradients are theirs to turn off."""
        self._before_evaluation()
        return self._announced.begin(split)

    def end_evaluation(self, evaluation: Evaluation, *, done: bool = True) -> None:
        """Write what the evaluation has shown, if it is `done`, and put the modes back."""
        self._announced.end(evaluation, done=done)

    def _before_evaluation(self) -> None:
        if self._event_file is not None:
            self._event_file.flush()  # what training has left behind is not to meet what is seen now
        self._unannounced.announce()

    def rest(self) -> None:
        """Training is over for now: models and loss functions are free of hooks until the next step or evaluation, all is on disk."""
        for watch in self._watches.values():
            watch.rest()
        self._unannounced.rest()
        for tap in self._taps:
            tap.detach()
        self.flush()

    def diagnose(self) -> Report:
        """The report that the Diagnosis tab shows for this run, now."""
        self.flush()
        # the one call that goes up: imported when called, so that the writer works without what is above it
        found = importlib.import_module("tb_lossdiag").diagnose(self.log_dir)
        report: Report = found[0] if isinstance(found, list) else found
        return report

    def on_finding(self, callback: Callable[[Alert], object] | str) -> None:
        """Tell what becomes certain while the training goes on, each cause once: a diagnosis now and then, on a thread of its own.

        `callback` is a function of an `Alert`, called on that thread, or ready-made: "log" warns; "stop" sets `should_stop` where a run
        has become hopeless, which frameworks heed; "raise" raises `HopelessRunError` at the next step then; an address is
        sent the alert as JSON. Together with the rest of the watching this keeps to the writer's `overhead`.
        """
        if self._silent:  # rank 0 looks for all
            return
        if self._event_file is None:
            message = "on_finding reads back what was logged: it needs a log_dir on a file system."
            raise ValueError(message)
        if self._lookout is None:
            # upwards, as diagnose(): imported when called
            kind: type[Lookout] = importlib.import_module("tb_lossdiag.lookout").Lookout
            self._lookout = kind(self.log_dir, self._event_file.flush, self._overhead / 2)
            weakref.finalize(self, self._lookout.close)
        self._lookout.add(callback)
        for watch in self._watches.values():
            self._look_out_for(watch)

    @property
    def should_stop(self) -> bool:
        """Whether `on_finding("stop")` wants the training to end: `if writer.should_stop: break`.

        Where several processes train together it becomes true in all of them at the same step.
        """
        if any(each.ranks.joined for each in self._watches.values()):
            return any(each.ranks.stop for each in self._watches.values())
        return self._lookout is not None and self._lookout.stop

    def state_dict(self) -> dict[str, Any]:
        """What to keep in a checkpoint, so that a resumed run goes on where this one stood: its steps, and what it knows of the
        data and of how the parameters began. Numbers, texts and tensors: `torch.load(..., weights_only=True)` will do.
        """
        self.flush()
        models = {name: each.state_dict() for name, each in self._watches.items()}
        return {
            "version": VERSION,
            "step": self._own_step,
            "data": copy.deepcopy(self._data),
            "models": models | self._loaded,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, before or after `watch`. What was logged beyond it is superseded."""
        self._own_step = int(state["step"])
        self._data.update(copy.deepcopy(dict(state["data"])))
        self._loaded = dict(state["models"])
        for name in list(self._loaded.keys() & self._watches.keys()):
            self._watches[name].load_state_dict(self._loaded.pop(name))
        steps = [int(each["step"]) for each in state["models"].values()]
        self._purge(min(steps, default=self._own_step))

    def _purge(self, step: int) -> None:
        """Have TensorBoard drop what an earlier file of this run holds from this step on."""
        writer = self._get_file_writer()
        writer.add_event(Event(file_version="brain.Event:2"), step)
        writer.add_event(Event(session_log=SessionLog(status=SessionLog.START)), step)

    def flush(self) -> None:
        """Return when everything seen so far is on disk."""
        self._unannounced.end()
        Hook(self._guard, "losses", partial(self._outbox.settle, all_of_them=True))()
        super().flush()  # figures are finished, which the facts may tell of
        Hook(self._guard, "facts", self._write_facts)()
        super().flush()

    def close(self) -> None:
        """Write what is left, remove all hooks and close the file. Closing twice does nothing."""
        if self._get_all_writers() is None:
            return
        if self._lookout is not None:
            self._lookout.close()
        self._unannounced.close()
        self._closed = True  # which the facts tell: this run is finished, whatever its last event's time
        self.flush()
        self._backward_calls.close()
        for name in list(self._watches):
            self._forget(name)
        super().close()

    def _raise_hopeless(self, *_: object) -> None:
        """Where the user has asked for it, an error is to reach the training."""
        if self._lookout is not None and self._lookout.error is not None:
            error, self._lookout.error = self._lookout.error, None
            raise error

    def _look_out_for(self, watch: Watch) -> None:
        lookout = self._lookout
        if lookout is not None:
            watch.aside = lambda: lookout.spent
            watch.let_through(self._raise_hopeless)

    def _get_file_writer(self) -> Any:  # noqa: ANN401  (torch's FileWriter, untyped)
        """As in SummaryWriter: the writer of the one event file. After `close` it goes on in the same file."""
        known: FileWriter | None = self.file_writer
        if known is not None:
            return known
        if self._silent:
            silent = NoFile(str(self.log_dir))
            vars(self).update(file_writer=silent, all_writers={silent.get_logdir(): silent})
            return silent
        if "://" in str(self.log_dir):  # a bucket: torch and TensorBoard know how to write there
            return super()._get_file_writer()  # type: ignore[no-untyped-call]
        if self._event_file is None:
            self._event_file = EventFile(str(self.log_dir), float(self.flush_secs), self.filename_suffix)
        self._event_file.reopen()
        self._closed = False
        writer = FileWriter(self._event_file)
        vars(self).update(file_writer=writer, all_writers={writer.get_logdir(): writer})
        purge_step, self.purge_step = self.purge_step, None
        if purge_step is not None:
            self._purge(purge_step)
        return writer

    def _get_all_writers(self) -> Any:  # noqa: ANN401  (torch declares it None)
        return self.all_writers

    def _sink(self) -> tuple[Callable[[bytes], None], Callable[[Callable[[], None], int], None]]:
        """Where the outbox puts its events and its jobs; holds the file but not this writer."""
        if self._silent:
            return lambda _: None, lambda job, _: job()
        if self._event_file is not None:
            return self._event_file.add, self._event_file.defer
        remote = self._get_file_writer().event_writer
        return lambda event: remote.add_event(Event.FromString(event)), lambda job, _: job()

    def _check(self, model: object, optimizers: Sequence[object], loss_fn: object) -> None:
        if not isinstance(model, nn.Module):
            message = f"watch() takes the model (a torch.nn.Module) first; got {type(model).__name__}."
            raise TypeError(message)
        for each in optimizers:
            if not isinstance(each, torch.optim.Optimizer):
                message = f"watch() takes a torch.optim.Optimizer (several, or None) second; got {type(each).__name__}."
                raise TypeError(message)
        if loss_fn is not None and not callable(loss_fn):
            message = f"watch() takes the loss function (or None) third; got {type(loss_fn).__name__}."
            raise TypeError(message)

    def _tap(self, loss_fn: Any, watch: Watch) -> LossTap:  # noqa: ANN401
        """The tap of this loss function, shared by all models that it trains."""
        self._taps = [each for each in self._taps if each.learners]
        for tap in self._taps:
            if tap.loss_fn is loss_fn:
                tap.learners.append(watch)
                return tap
        tap = LossTap(loss_fn, watch, self._announced.open, self._unannounced)
        self._taps.append(tap)
        return tap

    def _forget(self, name: str) -> None:
        self._watches.pop(name).close()

    def _step(self) -> int:
        """The current step: the first model's, or the one that add_loss counts."""
        watch = self._watches.get(self._primary) if self._primary is not None else None
        return watch.step if watch is not None and watch.counts else self._own_step

    def _add_loss(self, split: str, value: Tensor, step: int | None, name: str | None) -> None:
        self._get_file_writer()
        if value.dim():
            self._guard.say("The loss given to add_loss has the shape %s: its mean is logged.", tuple(value.shape))
            value = value.mean()
        if step is None and self._announced.open and self._announced.open[-1].split == split:
            self._announced.open[-1].given.append(value)
            return
        one = self._watches[name] if name is not None else None
        at = int(step) if step is not None else one.step if one is not None else self._step()
        self._outbox.later(one.tag(loss_tag(split)) if one is not None else loss_tag(split), at, [value])
        if split == "train":
            for watch in [one] if one is not None else self._watches.values():
                watch.train_loss_given = True
            self._own_step = at + 1
        if split in {"val", "test"} or self._outbox.overdue:
            self._outbox.settle()

    def _write_facts(self) -> None:
        if self._watches:
            self._outbox.facts(json.dumps(self._facts(), separators=(",", ":"), allow_nan=False), self._step())

    def _facts(self) -> dict[str, Any]:
        first = next((each for watch in self._watches.values() for each in watch.model.parameters()), None)
        environment = {
            "torch": torch.__version__,
            "device": str(first.device.type) if first is not None else None,
            "dtype": str(first.dtype).removeprefix("torch.") if first is not None else None,
        }
        models = {name: watch.facts() for name, watch in self._watches.items()}
        return {
            "version": VERSION,
            "models": models,
            "data": self._data,
            "environment": environment,
            "notes": self._guard.notes,
            "closed": self._closed,
        }


def split_called(name: str) -> str:
    """The split that goes by this name, or the name itself. Raises ValueError for what is no name."""
    if not isinstance(name, str) or not name.strip():
        message = f'a split is called "train", "val" or "test"; got {name!r}.'
        raise ValueError(message)
    return ALIASES.get(name.strip().lower(), name.strip())


def scalar_of(value: float | Tensor) -> Tensor:
    """A loss as a tensor of its own."""
    return value.detach().clone() if isinstance(value, Tensor) else torch.tensor(float(value), dtype=torch.float64)


def sampler_of(loader: object) -> Callable[[], object]:
    """The loader's sampler, which is not kept alive."""
    sampler = getattr(loader, "sampler", None)
    try:
        return weakref.ref(sampler) if sampler is not None else lambda: None
    except TypeError:  # it cannot be referred to weakly
        return lambda: None


def listed(optimizer: object) -> list[Any]:
    """None, one or several optimizers as a list."""
    if isinstance(optimizer, (list, tuple)):
        return list(optimizer)
    return [] if optimizer is None else [optimizer]


def unwrapped_optimizer(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The optimizer that takes the steps, within wrappers such as Accelerate's."""
    inner = getattr(optimizer, "optimizer", None)
    return inner if isinstance(inner, torch.optim.Optimizer) else optimizer


def finish(outbox: Outbox, file: EventFile | None) -> None:
    """Write what a writer that was never closed has left."""
    guard = Guard()
    Hook(guard, "losses", partial(outbox.settle, all_of_them=True))()
    if file is not None:
        Hook(guard, "the event file", file.close)()

"""Evaluations that no `evaluating` block announces: losses that are computed between two steps of a training and train nothing.

Each place in the user's code from which such losses come is a data set of its own, told by the chain of calls that leads there. One that
comes again, at a later step, is taken for validation, and a second one for test; one that comes but once, when training is over, for test.
A place that evaluates the training data, or another model than the watched one, is left out.

Where the user reports the losses of an evaluation (`add_loss("val", loss)`), the place where that loss was computed has its name from there,
and nothing is guessed of others.
"""

from __future__ import annotations

import copy
import sys
import weakref
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.evaluation import Tally
from tb_lossdiag.writer.guard import Ear, Hook
from tb_lossdiag.writer.loss_tap import LossTap
from tb_lossdiag.writer.modules import around_calls, compiled_within, elsewhere
from tb_lossdiag.writer.outbox import Outbox
from tb_lossdiag.writer.overheard import STAND_INS, Calls
from tb_lossdiag.writer.samples import tensors_of
from tb_lossdiag.writer.watch import Watch

__all__ = ["Unannounced"]

# by which share a reported loss may be off the mean that was heard: rounded, and with a penalty or without padding
ROUNDED, ABOUT = 1e-3, 0.2
PART = "evaluations that are not announced"
SAME = 0.5  # share of the samples, or of those known of training: it is the training data that is evaluated
FIRST = 2000  # calls during which the model is listened to; later only while an evaluation is on
MOST = 50  # places that are told apart
MANY, DENSE = 100, 5  # after so many evaluations those are left out that follow another one within fewer steps
NAMES = ("val", "test")  # in the order in which places that come again are called
DEPTH = 100  # functions on the way to a loss
OURS = ("torch", __name__.partition(".")[0])  # whose code is not the user's

ALIKE = ({"cross_entropy", "nll_loss"}, {"binary_cross_entropy", "binary_cross_entropy_with_logits"})
"""Functions of which one comes down to the other."""

Place = tuple[tuple[int, int], ...]
"""For each function on the way to a loss, its code and the position in it."""


@dataclass(slots=True)
class Source:
    """What is evaluated at one place. `split` has a name of its own until it turns out which one it is; `out` if it is none."""

    split: str
    where: str
    out: bool = False
    heard: bool = False  # the watched model's inputs were seen
    in_training_mode: bool = False
    missed: bool = False  # a loss was computed, and the watched model was not called before
    pending: Tally | None = None  # its first evaluation, until it has a name

    @property
    def named(self) -> bool:
        """Whether it is known which split it is."""
        return self.split in NAMES


@dataclass(slots=True)
class Pause:
    """What lies between two steps of the training."""

    watch: Watch
    step: int
    skipped: bool
    tallies: dict[Place, Tally] = field(default_factory=dict)


class Unannounced:
    """Takes in the losses that train nothing, for one watched model, as long as no evaluation is announced.

    The sizes of splits are noted in `data`; `changed` is called when there is something new in it.
    """

    def __init__(
        self,
        watches: Mapping[str, Watch],
        outbox: Outbox,
        data: MutableMapping[str, Any],
        changed: Callable[[], object],
    ) -> None:
        self._watches = watches
        self._outbox = outbox
        self._data = data
        self._changed = changed
        self._announced = False
        self._reported = False
        self._sources: dict[Place, Source] = {}
        self._pause: Pause | None = None
        self._pauses = 0
        self._last = 0  # step of the last evaluation that was looked at
        self._remove: Callable[[], object] | None = None
        self._calls = 0
        self._heard: list[Tensor] | None = None
        # whether all calls without gradients since the last training pass were in that mode; None without any
        self._in_training_mode: bool | None = None
        self._overhears = False  # is told of calls of torch's loss functions
        self._overheard = Calls(self._overheard_call)

    @property
    def open(self) -> bool:
        """Whether such losses were computed since the last training loss."""
        return self._pause is not None

    def listen(self, watch: Watch) -> None:
        """Hear what the watched model is called with, as long as it is the only one, and Python sees its calls."""
        self.rest()
        hidden = compiled_within(watch.model) or elsewhere(watch.model)
        if len(self._watches) == 1 and watch.optimizers and not hidden and not self._announced:
            hear = weakref.WeakMethod(
                self._hear
            )  # what waits to be written may hold the model, which is not to hold all of this
            ear = Ear(watch.guard, PART, lambda *called: known(*called) if (known := hear()) is not None else None)
            self._remove = around_calls(watch.model, ear, None)

    def rest(self) -> None:
        """Leave the model without a hook, and torch's functions as they are."""
        self._stop_listening()
        if self._overhears:
            self._overhears = False
            STAND_INS.tell_no_more(self._overhear)

    def announce(self) -> None:
        """The user, or a framework, says what is evaluated: nothing is guessed from now on."""
        self._announced, self._pause = True, None
        self._stop_listening()
        self._be_told(next(iter(self._watches.values()), None))

    def _stop_listening(self) -> None:
        self._heard = None
        if self._remove is not None:
            self._remove()
            self._remove = None

    def _be_told(self, watch: Watch | None) -> None:
        """Overhear calls of torch's functions where they compute the loss of the only model. Well before an evaluation: in `F.cross_entropy(model(x), y)`
        the function is looked up before the model is called.
        """
        if self._overhears or watch is None or len(self._watches) > 1 or not watch.optimizers:
            return
        if self._overheard_of(watch) is not None and not (compiled_within(watch.model) or elsewhere(watch.model)):
            self._overhears = True
            STAND_INS.tell(self._overhear)

    def report(self, split: str, loss: Tensor) -> None:
        """The user says that this was the loss of a split: nothing is guessed from now on, and what was just evaluated may be that one."""
        self._reported = True
        if self._pause is not None:
            Hook(self._pause.watch.guard, PART, partial(self._report, self._pause, split, loss))()
        elif self._in_training_mode:  # a loss that nobody heard, of what the model was called for
            self._data.setdefault("in_training_mode", {})[split] = True
            self._changed()

    def see_loss(self, tap: LossTap, loss: Tensor, batch: Batch | None, samples: int) -> bool:
        """A loss was computed, of so many samples; whether it may belong to an evaluation."""
        watch = next(iter(self._watches.values()), None)
        if self._announced or watch is None or len(self._watches) > 1 or not watch.optimizers:
            return False
        if torch.is_grad_enabled() and watch.model.training:
            return False  # of what was detached: a figure of the step
        Hook(watch.guard, PART, partial(self._take, watch, tap, loss, batch, samples))()
        return PART not in watch.guard.broken

    def end(self) -> None:
        """The training goes on, or all that was seen is to be written."""
        pause, self._pause = self._pause, None
        if pause is not None:
            Hook(pause.watch.guard, PART, partial(self._end, pause))()

    def close(self) -> None:
        """The training is over: what was evaluated after its last step, and only then, is test."""
        self.end()
        watch = next(iter(self._watches.values()), None)
        if watch is not None:
            Hook(watch.guard, PART, partial(self._close, watch))()
        self.rest()

    def _hear(self, model: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:  # noqa: ANN401
        watch = next(iter(self._watches.values()), None)
        if torch.is_grad_enabled() and (model.training or watch is None or not watch.trains_in_training_mode):
            self._heard = self._in_training_mode = None
            self._calls += 1
            if self._calls > FIRST and self._pause is None and self._all_heard():
                self.rest()
        else:
            self._heard = tensors_of((args, kwargs), depth=4)
            self._in_training_mode = model.training and self._in_training_mode is not False
            self._overheard.batch()
        self._be_told(watch)

    def _overheard_of(self, watch: Watch) -> str | None:
        """The name of the function of torch's that computes the loss, or a part of it, where that has to be overheard, as nobody has said which it is."""
        return watch.about.term if watch.tap is not None and watch.tap.only_heard else None

    def _overhear(self, function: Callable[..., Tensor], args: Any, kwargs: Any, value: Tensor) -> None:  # noqa: ANN401
        """One of torch's loss functions was called: in training, or after the model was called without training it."""
        watch = next(iter(self._watches.values()), None)
        if watch is None or watch.guard.busy:
            return
        trains = value.requires_grad and watch.model.training
        if trains != (self._heard is None) or (trains and not watch.looking):
            return
        named = {function.__name__, watch.about.term if trains else watch.about.function}
        if len(named) == 1 or any(named <= each for each in ALIKE):
            if trains:
                Hook(watch.guard, PART, watch.see_call)(function, args, kwargs, value)
            else:
                Hook(watch.guard, PART, self._overheard.called)(function, args, kwargs, value.detach())

    def _overheard_call(self, function: object, args: Any, kwargs: Any, value: Tensor) -> None:  # noqa: ANN401
        watch = next(iter(self._watches.values()), None)
        if watch is not None and watch.tap is not None:
            watch.tap.saw(function, args, kwargs, value)

    def _take(self, watch: Watch, tap: LossTap, loss: Tensor, batch: Batch | None, samples: int) -> None:
        listening, heard, self._heard = self._remove is not None, self._heard, None
        if self._pause is None:
            self._pause = self._begin(watch)
        if self._pause.skipped:
            return
        place, frames = way_here()
        source = self._sources.get(place)
        if source is None:
            if len(self._sources) >= MOST:  # code that is made anew each time
                return
            source = self._sources[place] = Source(f"place {len(self._sources)}", frames)
        if source.out:
            return
        tally = self._pause.tallies.get(place)
        if tally is None:
            again = source.named or (source.pending is not None and source.heard)
            tally = Tally(source.split, [watch], self._outbox, again=again, at=self._pause.step)
            self._pause.tallies[place] = tally
        source.missed |= listening and not heard
        source.heard |= bool(heard)
        source.in_training_mode |= watch.model.training
        if heard:
            tally.see_inputs(watch, heard)
        tally.see_loss(tap, loss, batch, samples)

    def _begin(self, watch: Watch) -> Pause:
        self._pauses += 1
        skipped = self._pauses > MANY and watch.step - self._last < DENSE
        if not skipped:
            self._last = watch.step
        watch.clock.pause()
        watch.evaluated()
        if self._remove is None:
            self.listen(watch)
        return Pause(watch, watch.step, skipped)

    def _report(self, pause: Pause, split: str, loss: Tensor) -> None:
        """Give the place of this loss its name: the one whose mean it is, or the only one where it is about that, unless it evaluates training data."""
        sources = {place: self._sources[place] for place in pause.tallies}
        here = {place: each for place, each in sources.items() if not each.out and (each.heard or not each.missed)}
        if not any(each.split == split for each in here.values()) and split in self._free():
            off = {
                place: pause.tallies[place].off(float(loss.mean())) for place, each in here.items() if not each.named
            }
            place = min(off, key=off.__getitem__, default=None)
            if place is not None and (
                off[place] <= ROUNDED or (len(off) == 1 and self._about(pause, place, off[place]))
            ):
                self._call(pause.watch, sources[place], split)
        for place, each in here.items():
            pause.tallies[place].told |= each.split == split

    def _about(self, pause: Pause, place: Place, off: float) -> bool:
        """Whether a reported loss may well be that of the only place: a function that nobody hears may have computed it elsewhere."""
        pause.tallies[place].settle()
        return off <= ABOUT and not pause.watch.splits.trained_on(self._sources[place].split) > SAME

    def _end(self, pause: Pause) -> None:
        pause.watch.clock.resume()
        if pause.watch.step != pause.step:  # a step was taken in between: a figure of that step
            for _ in pause.tallies:
                pause.watch.unattributed()
            return
        before = copy.deepcopy(self._data)
        for place, tally in pause.tallies.items():
            self._evaluated(pause.watch, self._sources[place], tally)
        if self._calls > FIRST and self._all_heard():
            self.rest()
        if self._data != before:
            self._changed()

    def _evaluated(self, watch: Watch, source: Source, tally: Tally) -> None:
        """An evaluation of a source is over."""
        tally.settle()
        if source.named:  # whatever it shares with training by now, that is for a rule to tell
            self._write(source, tally)
        elif (source.missed and not source.heard) or watch.splits.trained_on(source.split) > SAME:
            source.out, source.pending = True, None
            watch.splits.forget(source.split)
        elif self._reported:
            source.out, source.pending = True, None  # the user has named those that matter
        elif source.pending is None:
            source.pending = tally
        elif source.heard and tally.at != source.pending.at:
            free = self._free()
            if free:
                self._call(watch, source, free[0])
                self._write(source, tally)
            else:
                source.out, source.pending = True, None

    def _all_heard(self) -> bool:
        """Whether the inputs of each source are known, so that the next one is listened to from its first loss on."""
        if any(self._overheard_of(each) is not None for each in self._watches.values()):
            return False  # nothing else tells of the next one
        return all(each.heard or each.out for each in self._sources.values())

    def _free(self) -> list[str]:
        """Names that no source has."""
        return [name for name in NAMES if not any(each.split == name for each in self._sources.values())]

    def _call(self, watch: Watch, source: Source, name: str) -> None:
        """Give a source its name, and write what it had before."""
        watch.splits.rename(source.split, name)
        source.split = name
        self._data.setdefault("taken_for", {})[name] = source.where
        first, source.pending = source.pending, None
        if first is not None:
            self._write(source, first)

    def _write(self, source: Source, tally: Tally) -> None:
        tally.split = source.split
        tally.finish(tally.at or 0)
        if source.in_training_mode:
            self._data.setdefault("in_training_mode", {})[source.split] = True
        key = f"{tally.split}_size"
        self._data[key] = max(tally.samples, self._data.get(key) or 0)
        if tally.changed is not None:
            self._data[f"{tally.split}_changed"] = tally.changed

    def _close(self, watch: Watch) -> None:
        if self._reported:
            return
        left = [each for each in self._sources.values() if each.pending is not None]
        last = [each for each in left if each.heard and each.pending is not None and each.pending.at == watch.step]
        names = self._free()[-len(last) :]
        for source, name in zip(last[-len(names) :], names, strict=False):
            self._call(watch, source, name)
        for each in left:
            if not each.named:
                watch.unattributed()


def way_here() -> tuple[Place, str]:
    """The chain of calls that leads here, and in words where in the user's code that is: `train.py:80 > train.py:31`."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (inspect's way to it reads source files)
    place: list[tuple[int, int]] = []
    words: list[str] = []
    while frame is not None and len(place) < DEPTH:
        code = frame.f_code
        place.append((id(code), frame.f_lasti))
        if len(words) < 2 and frame.f_globals.get("__name__", "").partition(".")[0] not in OURS:  # noqa: PLR2004
            words.append(f"{Path(code.co_filename).name}:{frame.f_lineno}")
        frame = frame.f_back
    return tuple(place), " > ".join(reversed(words))

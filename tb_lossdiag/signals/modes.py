"""In which mode the model was when it was trained, and when it was evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tb_lossdiag.series import Run
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import watched

__all__ = ["ModesUsed", "modes_used"]


@dataclass(frozen=True, slots=True)
class ModesUsed:
    """`training_off_since` is the step from which on training steps were taken in evaluation mode, None where they are not at the end;
    `switched` says that there were others before. `validation_on` says that validation ran in training mode. `drops` is the share of
    values that the network drops in evaluation mode, too, and `noise` the class of a layer that draws noise there. `other_evaluated` says that validation was of another model than the one
    that is trained, such as a copy. `functions` holds what each dropout that is called as a function drops, one after the other.
    """

    training_off_since: int | None = None
    switched: bool = False
    validation_on: bool = False
    drops: float = 0.0
    other_evaluated: bool = False
    noise: str = ""
    functions: tuple[float, ...] = ()


@signal(log="writer.watch(model, optimizer, loss_fn)")
def modes_used(run: Run) -> ModesUsed | None:
    """The modes of the first watched model."""
    for _, model in watched(run):
        mode = model.get("mode")
        if not isinstance(mode, Mapping) or mode.get("training_flag_during_training") is None:
            continue
        data = run.facts.get("data")
        on = data.get("in_training_mode") if isinstance(data, Mapping) else None
        since = mode.get("switched")
        off = mode["training_flag_during_training"] is False
        return ModesUsed(
            (since if isinstance(since, int) else 0) if off else None,
            off and isinstance(since, int),
            isinstance(on, Mapping) and on.get("val") is True,
            float(drops) if isinstance(drops := mode.get("drops_in_evaluation"), (int, float)) else 0.0,
            mode.get("other_evaluated") is True,
            noise if isinstance(noise := mode.get("noise_in_evaluation"), str) else "",
            tuple(each for each in mode.get("dropout_functions") or () if isinstance(each, (int, float))),
        )
    return None

"""What the user said of a training beside its curves: hyperparameters, and arguments that were logged as text."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from tb_lossdiag.reader.names import words

__all__ = ["Setting", "arguments", "hyperparameters"]

Setting = str | float

MOST = 200  # settings of a run; more are no choices
LONGEST = 200  # characters of a value
TELLING = {  # words of arguments that change a training; of some hundred, most are paths and switches of the logging
    "lr", "learning", "rate", "batch", "decay", "epochs", "warmup", "scheduler", "optim", "optimizer", "beta", "beta1", "beta2",
    "betas", "epsilon", "eps", "momentum", "dropout", "seed", "accumulation", "clip", "grad", "hidden", "layers", "heads", "factor",
    "smoothing", "loss", "fp", "bf", "precision",
}  # fmt: skip


def hyperparameters(content: bytes) -> dict[str, Setting]:
    """What the HParams plugin was told at the start of a session; nothing for its other messages, or for damage."""
    try:
        data = HParamsPluginData.FromString(content)
    except Exception:  # noqa: BLE001  (each implementation of protobuf has its own)
        return {}
    found: dict[str, Setting] = {}
    for name, value in list(data.session_start_info.hparams.items())[:MOST]:
        kind = value.WhichOneof("kind")
        if kind == "number_value":
            found[name] = value.number_value
        elif kind == "string_value":
            found[name] = value.string_value[:LONGEST]
        elif kind == "bool_value":
            found[name] = "true" if value.bool_value else "false"
    return dict(sorted(found.items()))


def arguments(text: bytes) -> dict[str, Setting]:
    """The telling arguments in a text that is a JSON object, as Hugging Face's trainer logs them; nothing for other texts."""
    if not text.lstrip().startswith(b"{"):
        return {}
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {
        name: value if isinstance(value, (int, float)) else value[:LONGEST]
        for name, value in (parsed.items() if isinstance(parsed, Mapping) else ())
        if isinstance(value, (int, float, str)) and not isinstance(value, bool) and TELLING.intersection(words(name))
    }

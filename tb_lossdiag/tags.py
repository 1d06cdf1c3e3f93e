"""What writer and reader both must know: the names and the layout of what `DiagWriter` logs.

A run's event file holds three sorts of data.

1. Plain scalars (`simple_value`), for TensorBoard's own tabs too: `TRAIN_LOSS`, `VAL_LOSS`, `TEST_LOSS`, `LR`, and the
   whole-model figures of `MODEL_FIGURES` below `diag/`.
2. Packed tensors: one DT_FLOAT tensor of shape (figures, columns) an event, plugin name `PLUGIN`, data class TENSOR.
   The tag's first event carries a `Schema` as JSON in its plugin content: what the rows and the columns are. TensorBoard
   keeps only that first content, so a schema never changes: when the columns do, the writer moves on to a new tag
   (`packed_tag(..., generation=1)`).
3. Facts: one DT_STRING scalar tensor under `FACTS`, plugin name `PLUGIN`, holding one JSON object; the last one counts.

Version 1 of the groups, by what their columns and figures are:

| group         | columns                                       | figures |
|---------------|-----------------------------------------------|---------|
| `parameters`  | parameter tensors, `named_parameters()` names | `grad_norm` (L2), `param_norm` (L2, before the step), `update_norm` (L2 of the step) |
| `activations` | leaf modules in the order of their first call | `mean`, `rms`, `dead_share`, `saturated_share`, `zero_share`, `nonfinite_share`, `sample_std` |
| `inputs`      | features or channels of the model's input     | `mean`, `std`, `min`, `max`: running, over all samples looked at so far |
| `entering`    | features of what enters the first layers that weigh their inputs, `feature 3 of fc1` | `mean`, `std`, `min`, `max`: running, over the first sampled steps |
| `beside`      | floating inputs of three axes or more beside the first | `min`, `max`: running, over all samples looked at so far |
| `targets`     | classes, or the components of the target      | `count` (classes, running), or `mean`, `std`, `min`, `max` (running) |
| `outputs`     | components of the model's output              | `mean`, `std`, `min`, `max` of the batch |
| `batch`       | classes                                       | `count` in this batch, on two steps in a row |
| `losses`      | `loss`                                        | `mean`, `std`, `p05`, `p50`, `p95`, `max` of the per-sample losses of the batch |
| `probe`       | `batch`                                       | of one batch: `train_loss` as it was trained with, `eval_loss` in evaluation mode; `signal`, `noise`, `samples`, `batch` (see below) |
| `penalty`     | weight tensors, `named_parameters()` names    | of that batch's gradient, what is left without the loss function's own: `along` (its part along the weights, towards zero), `signs` (along their signs), `norm`; and `loss_grad`, the norm of the loss function's own |
| `towards`     | `loss`                                        | of the gradient that a loss of the user's own sends back to wrong answers, summed without its signs: `toward` their labels, `away` from them |
| `samples`     | `input`                                       | of training, by fingerprint: `seen`, `distinct`, `in_val`, `in_test` (so many of the distinct ones), `values` of a sample |
| `ranks`       | processes that train together, `0`, `1`, ...  | of each: `loss` of its batch, `seconds` from the last step to the loss, `param_norm`, `grad_norm` (L2, of its own gradient, before averaging), `same_batch` (how many others saw the same), `epoch` of its sampler |
| `answers`     | classes, of an evaluated split                | `count` of labels, `predicted` (the class of the largest output), `right` (both), over the whole evaluation |

`dead_share` is NaN until 512 samples were accumulated; `sample_std` is the standard deviation over the samples of a batch,
averaged over units (0: the output does not depend on the input). From the gradients g1, g2 of two parts of the batch with
`samples` samples each come `signal` = <g1, g2>, which estimates the squared norm of the true gradient without bias, and
`noise` = samples * |g1 - g2|^2 / 2, the summed variance of single samples' gradients; `batch` is the whole batch's samples. A value that was not measured is NaN.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

__all__ = [
    "ACCURACY", "CHOOSABLE", "EPOCH", "FACTS", "GRAD_NORM", "LR", "MODEL_FIGURES", "PLUGIN", "PLUS", "SPLITS", "TEST_LOSS", "TRAIN_LOSS", "VAL_LOSS", "VERSION",
    "Schema", "loss_tag", "packed_tag",
]  # fmt: skip

PLUGIN = "lossdiag"
VERSION = 1

SPLITS = ("train", "val", "test")
TRAIN_LOSS, VAL_LOSS, TEST_LOSS = "loss/train", "loss/val", "loss/test"
LR = "lr"
GRAD_NORM = "diag/grad_norm"
EPOCH = "epoch"
ACCURACY = "accuracy"
FACTS = "lossdiag/facts"

PLUS = " + "  # between the tags of a loss that is logged in parts only, and is their sum

CHOOSABLE = {
    "train_loss": TRAIN_LOSS,
    "val_loss": VAL_LOSS,
    "test_loss": TEST_LOSS,
    "lr": LR,
    "grad_norm": GRAD_NORM,
}
"""The roles that a user may give to a tag: by what they are called on the command line (`--train-loss`), in Python and in addresses."""

MODEL_FIGURES = {
    "diag/grad_norm": "L2 norm of the gradient of all parameters",
    "diag/update_ratio": "median over parameter tensors of |update| / |parameter|",
    "diag/grad_cosine": "cosine of this step's gradient with the previous step's, on sampled coordinates",
    "diag/dead_units": "share of all watched units that no sample has activated lately",
    "diag/saturated_units": "share of all watched sigmoid and tanh outputs at their limits",
    "diag/clip_factor": "norm of the gradient that the optimizer is given over that which backward left: 1 is not clipped",
    "diag/loss_scale": "what a GradScaler multiplies the loss by",
    "diag/skipped_steps": "steps that a GradScaler has left out so far, because their gradients were not finite",
    "diag/overhead": "share of the training time that watching took",
}


def loss_tag(split: str) -> str:
    """The tag of a split's loss: `loss/train`, `loss/val`, `loss/test`."""
    return f"loss/{split}"


def packed_tag(group: str, *, split: str = "train", name: str = "", generation: int = 0) -> str:
    """The tag of a packed group: `lossdiag/inputs/val`, and `@name`, `#1` for a further model or schema."""
    tag = f"lossdiag/{group}/{split}"
    return tag + (f"@{name}" if name else "") + (f"#{generation}" if generation else "")


@dataclass(frozen=True, slots=True)
class Schema:
    """What the rows (`figures`) and columns of a packed tensor are. `name` is the watched model's, "" for the only one."""

    group: str
    split: str
    figures: tuple[str, ...]
    columns: tuple[str, ...]
    name: str = ""
    version: int = VERSION

    def to_json(self) -> bytes:
        """The plugin content of the tag's first event."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Schema:
        """Read what `to_json` wrote. Raises ValueError for anything else, or a version from the future."""
        try:
            parsed = json.loads(content)
            if parsed["version"] > VERSION:
                message = f"written by a newer tb_lossdiag (layout {parsed['version']}): upgrade to read it"
                raise ValueError(message)
            return cls(
                group=str(parsed["group"]),
                split=str(parsed["split"]),
                figures=tuple(map(str, parsed["figures"])),
                columns=tuple(map(str, parsed["columns"])),
                name=str(parsed["name"]),
                version=int(parsed["version"]),
            )
        except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            message = "not a layout of tb_lossdiag"
            raise ValueError(message) from error

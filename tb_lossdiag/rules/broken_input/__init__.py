"""# Broken input

## What you see

The loss stays at a blind guess, or becomes NaN at once; or validation is far better than training, although nothing is
dropped out.

## Why it happens

Something goes wrong between the file and the network: samples that could not be read arrive as zeros, one sample is repeated, a column is
empty, missing values arrive as NaN, a transform scales everything to nothing, whole numbers are divided by their largest. Or the network reads past what it is given: a recurrent layer takes the
samples of a batch for a sequence (`batch_first`) or ends in padding, `view` or `reshape` stands where axes should be swapped (also while pictures are loaded), a mask shows attention the padding instead of the words, a decoder is given zeros.
Or a transform changes samples where they are kept, so that each epoch normalises them once more. Or pictures and targets are paired wrongly: read in another order, shuffled, filtered or repeated apart from each other.

## What to do

Print a batch at the line that calls the network. Compare it with the file that it came from.

## When this is wrong

Pixels at the border of an image, one-hot columns and words that are rare may be constant in all that was looked at: a few such features are usual.
Strong augmentation of the training data also makes it differ from validation. Tables of a few discrete columns repeat themselves by
nature, in validation as in training; and some people repeat a small set on purpose, to make an epoch longer: that does no harm.
Pictures that really tell nothing of what is asked look like pictures that are paired wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.rules.broken_input import empty, order, sampling
from tb_lossdiag.rules.broken_input.empty import FEWEST, LEFT, MANY, SOME, SURE
from tb_lossdiag.rules.broken_input.order import DONE
from tb_lossdiag.rules.broken_input.pairs import unpaired
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.data import Features, Positions
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.pairs import Swapped
from tb_lossdiag.signals.samples import Relabelled, Samples
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import Modules, Parameters, Reshape
from tb_lossdiag.signals.told import Told

COLUMNS, TABLE = 4, 64  # features of a table ...
HALF, KEPT = 0.5, 0.03  # ... of which so many never vary, in a run that leaves something: worth a remark
MOST, NEARLY_ALL = 0.6, 0.92  # share of constant features; digits have 5 % of them, MNIST 9 %
ANEW = (
    1.1  # distinct samples as a share of those that the training set could show: with more they are made anew each time
)


@rule(
    cause="The inputs are broken on their way to the network: constant, repeated, zero or NaN.",
    stage="train",
    severity="error",
    remedies=(
        Remedy(
            "Look at a batch just before the network",
            "x, y = next(iter(train_loader)); print(x.shape, x.mean(0), x.std(0), x.isnan().sum())",
            "Samples that differ from each other and from zero.",
        ),
        Remedy("Check each step of loading against the file it came from: path, type, transform, missing values"),
    ),
    explains=(
        "non-finite-values",
        "dead-units",
        "saturated-units",
        "parameters-not-updated",
        "vanishing-gradient",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "learning-rate-not-decayed",
        "exploding-gradient",
        "uninformative-features",
        "undertrained",
        "overfitting",
        "unrepresentative-validation",
        "insufficient-capacity",
        "label-noise",
        "class-imbalance",
    ),
)
def broken_input(
    train_loss: Series,
    input_features: Features | None = None,
    train_shape: Shape | None = None,
    eval_shape: Shape | None = None,
    val_shift: Shift | None = None,
    output_spread: Layers | None = None,
    parameters: Parameters | None = None,
    loss_left: float | None = None,
    samples: Samples | None = None,
    positions: Positions | None = None,
    blank_inputs: Mapping[str, float] | None = None,
    unchanged: Mapping[str, float] | None = None,
    across_samples: tuple[str, ...] | None = None,
    mixed_up: tuple[Reshape, ...] | None = None,
    interleaved: float | None = None,
    smooth: float | None = None,
    told: Told | None = None,
    modules: Modules | None = None,
    input_spread: Series | None = None,
    model_count: int | None = None,
    relabelled: Relabelled | None = None,
    swapped: Swapped | None = None,
    receptive: bool | None = None,
) -> Finding | None:
    """Inputs with NaN, without any variation, with hardly any feature or sample that varies, or poorer than validation's."""
    nothing = (
        order.across(across_samples or (), loss_left)
        or order.mixed_up(mixed_up or (), loss_left)
        or order.interleaved(interleaved, loss_left)
        or empty.blank(blank_inputs, loss_left)
        or empty.only_padding(unchanged or {}, loss_left)
        or (sampling.drifts(input_spread, loss_left) if input_spread is not None and model_count == 1 else None)
    )
    pictures = any("Conv2d" in each.type for each in modules or ())
    pair = unpaired(swapped, train_shape, receptive=bool(receptive)) or (
        order.apart(smooth, told) if pictures else None
    )
    repeated = (
        nothing
        or sampling.one_sample(samples, relabelled, loss_left)
        or sampling.repeats(input_features, train_shape, eval_shape, samples, loss_left)
    )
    if input_features is None:
        return repeated or pair  # a text: what it is made of has no mean
    odd, constant = empty.not_finite(input_features), empty.constant(input_features)
    share = float(np.mean(constant)) if len(constant) else 0.0
    names = list(input_features.names)
    if odd.any() and not np.isfinite(train_loss.tail(0.05)).all():
        where = [names[i] for i in np.flatnonzero(odd)]
        summary = f"The inputs hold NaN or infinity, in {len(where)} of {len(names)} features, {where[0]} first."
        return empty.found_in(summary, SURE, input_features, where[:5])
    done = loss_left is not None and loss_left < DONE
    if share == 1 and not done:
        return empty.found_in(
            f"The inputs never vary: all {len(names)} features are constant.", SURE, input_features, names[:5]
        )
    if empty.identical(output_spread, parameters, modules) and not done:
        return empty.found_in("All samples of a batch are the same: 0 % of the input varies.", SURE, input_features, ())
    sure = confidence(share, doubtful=SOME, certain=MANY) if empty.inside(input_features, constant) else 0.0
    if loss_left is not None and loss_left > LEFT:
        sure = max(sure, confidence(share, doubtful=MOST, certain=NEARLY_ALL))
    where = [names[i] for i in np.flatnonzero(constant)]
    if len(names) >= FEWEST and sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return empty.still(share, sure, input_features, where[:5])
    single = samples is not None and samples.distinct <= 1
    missing = empty.lost(positions, input_features, loss_left) if not single else None
    anew = samples is not None and samples.kept > ANEW  # an augmentation, such as mixing samples, is why they vary less
    worse = sampling.poorer(input_features, train_shape, eval_shape, val_shift) if not anew else None
    ones = empty.bare(input_features, loss_left) if pictures else None
    table = COLUMNS <= len(names) <= TABLE and share > HALF and loss_left is not None and loss_left > KEPT
    columns = replace(empty.still(share, REMARK, input_features, where[:5]), severity="info") if table else None
    return missing or ones or repeated or worse or pair or columns

"""# Broken input

## What you see

The loss stays at a blind guess, or becomes NaN at once; or validation is far better than training, although nothing is
dropped out.

## Why it happens

Something goes wrong between the file and the network: samples that could not be read arrive as zeros, one sample is repeated, a column is
empty, missing values arrive as NaN, a transform scales everything to nothing, whole numbers are divided by their largest. Or the network reads past what it is given: a recurrent layer takes the
samples of a batch for a sequence (`batch_first`) or ends in padding, `view` or `reshape` stands where axes should be swapped (also while pictures are loaded), a mask shows attention the padding instead of the words, a decoder is given zeros.
Or pictures and targets are paired wrongly: read in another order, shuffled, filtered or repeated apart from each other.

## What to do

Print a batch at the line that calls the network. Compare it with the file that it came from.

## When this is wrong

Pixels at the border of an image, one-hot columns and words that are rare may be constant in all that was looked at: a few such features are usual.
Strong augmentation of the training data also makes it differ from validation. Tables of a few discrete columns repeat themselves by
nature, in validation as in training; and some people repeat a small set on purpose, to make an epoch longer: that does no harm.
Pictures that really tell nothing of what is asked look like pictures that are paired wrongly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Bars, Evidence, Fact, Table
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.data import Features, Positions
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.samples import Samples
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import Modules, Parameters, Reshape
from tb_lossdiag.signals.told import Told

CONSTANT = 1e-4  # standard deviation over the largest value: float32 sums leave constants that much
MOST, NEARLY_ALL = 0.6, 0.92  # share of constant features; digits have 5 % of them, MNIST 9 %
SOME = 0.5  # the same where they lie in the middle of the others' range, as what is lost does once it is standardised
MANY = 0.7
BORDER = 0.85  # share of the positions that never vary where these lie at the end of the range, as margins do
ALL = 0.97
FEWEST = 8  # features from which on a share says something
LEFT = 0.3  # share of the loss that is left: below it the run does well with the features it has
DONE = 0.05  # ... and below this it has learnt what there is, though it be a single sample, as whoever tries out a network does
SAME = 1e-5  # spread over samples of what the first layer puts out, as a share of its size
POORER, MUCH_POORER = 1.15, 1.4  # validation inputs spread that many times as wide as training's
EASIER = 0.8  # validation loss over training loss: the training samples are the broken ones
REPEATED = 0.5  # distinct samples as a share of those expected: drawing rare classes more often leaves more than half
MANY_TIMES = 0.2
ALIKE = 0.3  # share of the distinct samples that validation has, too: then samples of this kind are alike by nature, or in all splits
HARM = 0.1  # gap between the losses as a share of all that was gained: less is no sign that repeating did harm
FEW_ONES = 2e-3  # share of ones: a board of 19 x 19 with a single stone has more
UNSURE = 0.8  # confidence at most where it did none, or where samples are alike in validation, too
MARGIN = 0.1  # of the range of all features: a lost feature reads as a mean inside it, a border pixel lies at its end
READS = {
    "weight_ih_l": "bias_ih_l",
    "in_proj_weight": "in_proj_bias",
}  # as torch calls weights on the input, and the biases beside them
PICTURES = 0.15  # correlation of neighbours: 0.02 of noise, 0.3 of digits 8 pixels wide, above 0.6 of photographs
ABOVE, AT = 0.95, 0.98  # best validation loss as a share of a blind guess's: as for uninformative features
RIGHT = 0.2  # of the way from the largest class's share to all right: then the pictures do tell
COLOURS = 0.8  # of the difference between neighbours: pictures have 1.3 to 2.5, noise has 1
NEVER, SELDOM = 0.999, 0.5  # share of the steps without any change
NOTHING_LEARNT = 0.9  # share of the loss that is left
ANEW = (
    1.1  # distinct samples as a share of those that the training set could show: with more they are made anew each time
)
SURE = 0.97  # that inputs which do not vary at all are broken


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
) -> Finding | None:
    """Inputs with NaN, without any variation, with hardly any feature or sample that varies, or poorer than validation's."""
    nothing = (
        _across(across_samples or (), loss_left)
        or _mixed_up(mixed_up or (), loss_left)
        or _interleaved(interleaved, loss_left)
        or _blank(blank_inputs, loss_left)
        or _only_padding(unchanged or {}, loss_left)
    )
    pictures = any("Conv2d" in each.type for each in modules or ())
    apart = _apart(smooth, told) if pictures else None
    repeated = nothing or _repeats(input_features, train_shape, eval_shape, samples, loss_left)
    if input_features is None:
        return repeated or apart  # a text: what it is made of has no mean
    odd, constant = _not_finite(input_features), _constant(input_features)
    share = float(np.mean(constant)) if len(constant) else 0.0
    names = list(input_features.names)
    if odd.any() and not np.isfinite(train_loss.tail(0.05)).all():
        where = [names[i] for i in np.flatnonzero(odd)]
        summary = f"The inputs hold NaN or infinity, in {len(where)} of {len(names)} features, {where[0]} first."
        return _finding(summary, SURE, input_features, where[:5])
    done = loss_left is not None and loss_left < DONE
    if share == 1 and not done:
        return _finding(
            f"The inputs never vary: all {len(names)} features are constant.", SURE, input_features, names[:5]
        )
    if _identical(output_spread, parameters, modules) and not done:
        return _finding("All samples of a batch are the same: 0 % of the input varies.", SURE, input_features, ())
    sure = confidence(share, doubtful=SOME, certain=MANY) if _inside(input_features, constant) else 0.0
    if loss_left is not None and loss_left > LEFT:
        sure = max(sure, confidence(share, doubtful=MOST, certain=NEARLY_ALL))
    if len(names) >= FEWEST and sure > 0.5:  # noqa: PLR2004  (as sure as not)
        where = [names[i] for i in np.flatnonzero(constant)]
        summary = f"{percent(share)} of the input features never vary, {where[0]} first."
        return _finding(summary, sure, input_features, where[:5])
    single = samples is not None and samples.distinct <= 1
    lost = _lost(positions, input_features, loss_left) if not single else None
    anew = samples is not None and samples.kept > ANEW  # an augmentation, such as mixing samples, is why they vary less
    poorer = _poorer(input_features, train_shape, eval_shape, val_shift) if not anew else None
    bare = _bare(input_features, loss_left) if pictures else None
    return lost or bare or repeated or poorer or apart


def _lost(positions: Positions | None, features: Features, left: float | None) -> Finding | None:
    """Positions of an image that never vary: borders do so as well, but lie at the end of the range."""
    if positions is None or positions.count < FEWEST or left is None:
        return None
    sure = 0.0
    if positions.inside > SOME:
        sure = confidence(positions.share, doubtful=SOME, certain=MANY)
    elif left > LEFT:
        sure = confidence(positions.share, doubtful=BORDER, certain=ALL)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        summary = f"{percent(positions.share)} of the input's positions are the same in every sample."
        fact = Fact("Share of positions that never vary", positions.share, "share", SOME)
        return replace(
            _finding(summary, sure, features, ()), evidence=[fact, *_finding(summary, sure, features, ()).evidence[:1]]
        )
    return None


def _bare(pictures: Features, left: float | None) -> Finding | None:
    """Pictures of zeros with a one here and there, as a division of whole numbers leaves them, in a run that has learnt nothing."""
    ones = float(pictures.mean.max()) if len(pictures.mean) and pictures.yes_or_no else 1.0
    if left is None or left < NOTHING_LEARNT or ones > FEW_ONES:
        return None
    summary = f"Hardly anything is left of the pictures: {100 * ones:.2g}\N{NO-BREAK SPACE}% of their values are 1 and all others 0, as whole numbers divided by their largest leave them."
    found = _finding(summary, UNSURE, pictures, list(pictures.names)[:5])
    return replace(
        found,
        evidence=[Fact("Share of the values that are 1", ones, "share", FEW_ONES), *found.evidence],
        remedies=(
            Remedy(
                "Divide after turning whole numbers into fractions",
                "x = x.float() / 255  # not x // 255, nor an array of uint8",
                "Inputs with all shades between 0 and 1.",
            ),
        ),
    )


def _across(layers: tuple[str, ...], left: float | None) -> Finding | None:
    """A recurrent layer that takes the axis of the samples for that of time, in a run that leaves something to be learnt."""
    if not layers or left is None or left < DONE:
        return None
    return Finding(
        summary=f"{layers[0]} reads the samples of a batch one after the other, as if they were one sequence: its batch_first is False, and the batch "
        "comes first.",
        confidence=SURE,
        since=0,
        where=list(layers),
        evidence=[Table("Recurrent layers that take the first axis for time", ["layer"], [[each] for each in layers])],
        remedies=(
            Remedy(
                "Say that the batch comes first, or swap the two axes",
                "nn.LSTM(features, width, batch_first=True)  # or x.transpose(0, 1)",
                "A sample's output that does not depend on the others in its batch.",
            ),
        ),
    )


def _mixed_up(reshapes: tuple[Reshape, ...], left: float | None) -> Finding | None:
    """A reshape that only looks as if it swapped axes, in a run that leaves something to be learnt."""
    if not reshapes or left is None or left < DONE:
        return None
    first = reshapes[0]
    before, after = (" x ".join(map(str, sizes)) for sizes in (first.before, first.after))
    place = f" before {first.layer}" if first.layer else ""
    return Finding(
        summary=f"A reshape{place} makes {after} of {before} and leaves the values in their order: they end up at other samples, steps or channels.",
        confidence=SURE,
        severity=None if left > LEFT else "warning",
        since=0,
        where=[each.layer for each in reshapes if each.layer],
        evidence=[
            Table(
                "Reshapes that mix axes up",
                ["before", "after", "layer"],
                [
                    [" x ".join(map(str, each.before)), " x ".join(map(str, each.after)), each.layer]
                    for each in reshapes
                ],
            )
        ],
        remedies=(
            Remedy(
                "Swap the axes instead of reshaping: view and reshape never move a value",
                "x = x.transpose(1, 2)  # or x.permute(...)",
                "A sample's output that depends on that sample alone, and a loss that falls further.",
            ),
        ),
    )


def _interleaved(ratio: float | None, left: float | None) -> Finding | None:
    """Pictures whose channels come last in the file, and that were reshaped so that they come first."""
    if ratio is None or not ratio < COLOURS or left is None or left < DONE:
        return None
    return Finding(
        summary="The pictures are scrambled: along a row the colours of one place follow one another, as where an array (height, width, channels) is "
        "reshaped to (channels, height, width).",
        confidence=confidence(ratio, doubtful=COLOURS + 0.1, certain=COLOURS - 0.1),
        severity=None if left > LEFT else "warning",
        since=0,
        evidence=[
            Fact(
                "Difference of values that lie as many places apart as there are channels, over that of neighbours",
                ratio,
                "ratio",
                1.0,
                "neighbours are the more alike in any picture",
            )
        ],
        remedies=(
            Remedy(
                "Move the channels to the front instead of reshaping: view and reshape never move a value",
                "image = torch.from_numpy(image).permute(2, 0, 1)",
                "A picture that a person recognises: plt.imshow(x[0].permute(1, 2, 0)).",
            ),
        ),
    )


def _blank(inputs: Mapping[str, float] | None, left: float | None) -> Finding | None:
    """A sequence or an image beside the first input that is one number throughout, in a run that gets nowhere."""
    if not inputs or left is None or not left > LEFT:
        return None
    name, value = next(iter(inputs.items()))
    return Finding(
        summary=f"The model's {name} (counted from 0) is {value:g} everywhere, in every sample: it tells the network nothing.",
        confidence=SURE,
        since=0,
        where=list(inputs),
        evidence=[Table("Inputs that hold one number", ["input", "number"], [[each, inputs[each]] for each in inputs])],
        remedies=(
            Remedy(
                "Look at what is given to the model beside its first input: a decoder wants the targets, shifted by one",
                "decoder_input = torch.cat([start, target[:, :-1]], dim=1)",
                "An output that differs from position to position.",
            ),
        ),
    )


def _only_padding(unchanged: Mapping[str, float], left: float | None) -> Finding | None:
    """Weights on the input of a recurrent or attention layer that get no gradient at all, though the biases beside them do: where the
    gradient gets to, the layer reads zeros.
    """
    cut = [
        name
        for name, share in unchanged.items()
        for weights, bias in READS.items()
        if weights in name and share > NEVER and unchanged.get(name.replace(weights, bias), 1.0) < SELDOM
    ]
    if not cut or left is None or left < NOTHING_LEARNT:
        return None
    layer = cut[0].rpartition(".")[0]
    return Finding(
        summary=f"All that counts of what {layer} reads is zero: its weights on the input get no gradient at all, though its biases do. It "
        "sees padding, and not the elements of the sequence.",
        confidence=SURE,
        since=0,
        where=cut,
        evidence=[Bars("Steps without any change, by parameter", list(unchanged), list(unchanged.values()), "share")],
        remedies=(
            Remedy(
                "Let a recurrent layer stop at the end of each sequence",
                "packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)\noutput, state = rnn(packed)",
                "Weights on the input that change at every step.",
            ),
            Remedy(
                "Look at the mask of an attention layer: key_padding_mask is True where there is padding",
                "key_padding_mask=(tokens == pad)",
            ),
        ),
    )


def _apart(smooth: float | None, told: Told | None) -> Finding | None:
    """Pictures that tell nothing of their targets: of a picture, unlike a table's columns, somebody has seen that it does."""
    if smooth is None or smooth < PICTURES or told is None or not told.below or told.coming or told.right > RIGHT:
        return None
    sure = min(confidence(told.share, doubtful=ABOVE, certain=AT), UNSURE)
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The pictures are sane and tell nothing of their targets: the validation loss never gets below {told.best:.3g}, and guessing without "
        f"looking at them reaches {told.blind:.3g}. Pictures and targets may not belong together.",
        confidence=sure,
        since=0,
        evidence=[
            Fact("Best validation loss", told.best, "loss", told.blind, "the reference is a blind guess"),
            Fact("Correlation of neighbours in the pictures", smooth, "ratio", 0.0, "that of noise"),
        ],
        remedies=(
            Remedy(
                "Look at pictures with their targets as they enter the network",
                "x, y = next(iter(train_loader)); plt.imshow(x[0].permute(1, 2, 0)); print(y[0])",
                "A person can tell the target from the picture.",
            ),
            Remedy(
                "Pair files and labels by name: os.listdir and glob come in no order, and 10 sorts before 2",
                "files = sorted(folder.glob('*.png')); labels = [label_of[each.name] for each in files]",
            ),
            Remedy("Shuffle, filter and repeat inputs and targets together, by one index"),
        ),
    )


def _repeats(
    features: Features | None,
    train: Shape | None,
    evaluation: Shape | None,
    samples: Samples | None,
    left: float | None,
) -> Finding | None:
    """Far fewer distinct samples than were drawn from a training set of this size."""
    if samples is None or not 0 < samples.kept < REPEATED or (samples.values < FEWEST and not samples.shared < ALIKE):
        return None
    sure = confidence(math.log(samples.kept), doubtful=math.log(REPEATED), certain=math.log(MANY_TIMES))
    harms = left is not None and left > LEFT
    if train is not None and evaluation is not None:
        harms |= evaluation.last - train.last > HARM * (max(train.first, evaluation.first) - evaluation.best)
    if not harms or samples.shared > ALIKE:
        sure = min(sure, UNSURE)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        summary = (
            f"Samples repeat: of {samples.seen:,.0f} training samples that were looked at only {samples.distinct:,.0f} are distinct, where "
            f"about {samples.expected:,.0f} should be."
        )
        counted = Fact(
            "Distinct training samples",
            samples.distinct,
            "count",
            samples.expected,
            "the reference is what is expected",
        )
        others = _finding(summary, sure, features, ()).evidence if features is not None else ()
        return Finding(summary=summary, confidence=sure, since=0, evidence=[counted, *others])
    return None


def _inside(features: Features, constant: NDArray[np.bool_]) -> bool:
    """Whether the constant features lie well inside the range of the others: at its end they could be margins or unused words."""
    if not constant.any() or constant.all():
        return False
    low, high = float(features.min[~constant].min()), float(features.max[~constant].max())
    margin = MARGIN * (high - low)
    return low + margin < float(np.median(features.mean[constant])) < high - margin


def _poorer(features: Features, train: Shape | None, evaluation: Shape | None, shift: Shift | None) -> Finding | None:
    """Training inputs that vary less than validation's, and a training loss far above validation's: samples got lost."""
    if train is None or evaluation is None or shift is None or not evaluation.last < EASIER * train.last:
        return None
    wider = math.log(shift.spread) - shift.chance_spread if shift.spread > 0 else 0.0
    sure = confidence(wider, doubtful=math.log(POORER), certain=math.log(MUCH_POORER))
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        zero = 1 - 1 / shift.spread**2
        summary = (
            f"Training inputs vary {shift.spread:.1f} times less than validation inputs, and validation goes better: about "
            f"{percent(zero)} of the training samples may be empty."
        )
        return _finding(summary, sure, features, ())
    return None


def _not_finite(features: Features) -> NDArray[np.bool_]:
    return ~np.isfinite(features.mean) | ~np.isfinite(features.min) | ~np.isfinite(features.max)


def _constant(features: Features) -> NDArray[np.bool_]:
    size = np.maximum(np.abs(features.min), np.abs(features.max))
    return np.isfinite(features.mean) & (features.max - features.min <= CONSTANT * size)


def _identical(spread: Layers | None, parameters: Parameters | None, modules: Modules | None) -> bool:
    """Whether the layers say the same of all samples of each batch, although the weights are not all equal: all layers as far as the first
    dropout, for some are asked the same of every sample on purpose, as learnt queries are.
    """
    if not spread or any(each.kind == "weight" and not each.init_std for each in parameters or ()):
        return False
    types = {each.name: each.type for each in modules or ()}
    until = next((i for i, name in enumerate(spread) if "Dropout" in types.get(name, "")), len(spread))
    known = [each.finite().values for each in list(spread.values())[: max(1, until)]]
    return any(map(len, known)) and all(bool((each < SAME).all()) for each in known)


def _finding(summary: str, sure: float, features: Features, where: tuple[str, ...] | list[str]) -> Finding:
    shown = list(features.names[:40])
    evidence: list[Evidence] = [
        Bars("Standard deviation of the input features", shown, [float(each) for each in features.std[:40]], "value"),
        Fact("Share of features that never vary", float(np.mean(_constant(features))), "share"),
    ]
    return Finding(summary=summary, confidence=sure, since=0, where=where, evidence=evidence)

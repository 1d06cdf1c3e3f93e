"""Inputs that hold next to nothing: constant, zero, blank, padding, NaN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Bars, Evidence, Fact, Table
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.series import Layers
from tb_lossdiag.signals.data import Features, Positions
from tb_lossdiag.signals.structure import Modules, Parameters

__all__ = [
    "FEWEST",
    "LEFT",
    "MANY",
    "SOME",
    "SURE",
    "UNSURE",
    "bare",
    "blank",
    "constant",
    "found_in",
    "identical",
    "inside",
    "lost",
    "not_finite",
    "only_padding",
]

CONSTANT = 1e-4  # standard deviation over the largest value: float32 sums leave constants that much
SOME = 0.5  # the same where they lie in the middle of the others' range, as what is lost does once it is standardised
MANY = 0.7
BORDER = 0.85  # share of the positions that never vary where these lie at the end of the range, as margins do
ALL = 0.97
FEWEST = 8  # features from which on a share says something
LEFT = 0.3  # share of the loss that is left: below it the run does well with the features it has
SAME = 1e-5  # spread over samples of what the first layer puts out, as a share of its size
FEW_ONES = 2e-3  # share of ones: a board of 19 x 19 with a single stone has more
UNSURE = 0.8  # confidence at most where it did none, or where samples are alike in validation, too
MARGIN = 0.1  # of the range of all features: a lost feature reads as a mean inside it, a border pixel lies at its end
READS = {
    "weight_ih_l": "bias_ih_l",
    "in_proj_weight": "in_proj_bias",
}  # as torch calls weights on the input, and the biases beside them
NEVER, SELDOM = 0.999, 0.5  # share of the steps without any change
NOTHING_LEARNT = 0.9  # share of the loss that is left
SURE = 0.97  # that inputs which do not vary at all are broken


def lost(positions: Positions | None, features: Features, left: float | None) -> Finding | None:
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
            found_in(summary, sure, features, ()), evidence=[fact, *found_in(summary, sure, features, ()).evidence[:1]]
        )
    return None


def bare(pictures: Features, left: float | None) -> Finding | None:
    """Pictures of zeros with a one here and there, as a division of whole numbers leaves them, in a run that has learnt nothing."""
    ones = float(pictures.mean.max()) if len(pictures.mean) and pictures.yes_or_no else 1.0
    if left is None or left < NOTHING_LEARNT or ones > FEW_ONES:
        return None
    summary = f"Hardly anything is left of the pictures: {100 * ones:.2g}\N{NO-BREAK SPACE}% of their values are 1 and all others 0, as whole numbers divided by their largest leave them."
    found = found_in(summary, UNSURE, pictures, list(pictures.names)[:5])
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


def blank(inputs: Mapping[str, float] | None, left: float | None) -> Finding | None:
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


def only_padding(unchanged: Mapping[str, float], left: float | None) -> Finding | None:
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


def inside(features: Features, constant: NDArray[np.bool_]) -> bool:
    """Whether the constant features lie well inside the range of the others: at its end they could be margins or unused words."""
    if not constant.any() or constant.all():
        return False
    low, high = float(features.min[~constant].min()), float(features.max[~constant].max())
    margin = MARGIN * (high - low)
    return low + margin < float(np.median(features.mean[constant])) < high - margin


def not_finite(features: Features) -> NDArray[np.bool_]:
    """Which features hold NaN or infinity."""
    return ~np.isfinite(features.mean) | ~np.isfinite(features.min) | ~np.isfinite(features.max)


def constant(features: Features) -> NDArray[np.bool_]:
    """Which features never vary, but for rounding."""
    size = np.maximum(np.abs(features.min), np.abs(features.max))
    return np.isfinite(features.mean) & (features.max - features.min <= CONSTANT * size)


def identical(spread: Layers | None, parameters: Parameters | None, modules: Modules | None) -> bool:
    """Whether the layers say the same of all samples of each batch, although the weights are not all equal: all layers as far as the first
    dropout, for some are asked the same of every sample on purpose, as learnt queries are.
    """
    if not spread or any(each.kind == "weight" and not each.init_std for each in parameters or ()):
        return False
    types = {each.name: each.type for each in modules or ()}
    until = next((i for i, name in enumerate(spread) if "Dropout" in types.get(name, "")), len(spread))
    known = [each.finite().values for each in list(spread.values())[: max(1, until)]]
    return any(map(len, known)) and all(bool((each < SAME).all()) for each in known)


def still(share: float, sure: float, features: Features, where: list[str]) -> Finding:
    """Features that never vary, beside others that do."""
    return found_in(f"{percent(share)} of the input features never vary, {where[0]} first.", sure, features, where)


def found_in(summary: str, sure: float, features: Features, where: tuple[str, ...] | list[str]) -> Finding:
    """A finding with a picture of how much each feature varies."""
    shown = list(features.names[:40])
    evidence: list[Evidence] = [
        Bars("Standard deviation of the input features", shown, [float(each) for each in features.std[:40]], "value"),
        Fact("Share of features that never vary", float(np.mean(constant(features))), "share"),
    ]
    return Finding(summary=summary, confidence=sure, since=0, where=where, evidence=evidence)

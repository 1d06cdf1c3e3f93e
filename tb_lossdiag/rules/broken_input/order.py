"""Inputs whose values or whose targets come in the wrong order."""

from __future__ import annotations

from tb_lossdiag.evidence import Fact, Table
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rules.broken_input.empty import LEFT, SURE, UNSURE
from tb_lossdiag.signals.structure import Reshape
from tb_lossdiag.signals.told import Told

__all__ = ["DONE", "across", "apart", "interleaved", "mixed_up"]

DONE = 0.05  # share of the loss that is left: below it the run has learnt what there is, though it be a single sample, as whoever tries out a network does
PICTURES = 0.15  # correlation of neighbours: 0.02 of noise, 0.3 of digits 8 pixels wide, above 0.6 of photographs
ABOVE, AT = 0.95, 0.98  # best validation loss as a share of a blind guess's: as for uninformative features
RIGHT = 0.2  # of the way from the largest class's share to all right: then the pictures do tell
COLOURS = 0.8  # of the difference between neighbours: pictures have 1.3 to 2.5, noise has 1


def across(layers: tuple[str, ...], left: float | None) -> Finding | None:
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


def mixed_up(reshapes: tuple[Reshape, ...], left: float | None) -> Finding | None:
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


def interleaved(ratio: float | None, left: float | None) -> Finding | None:
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


def apart(smooth: float | None, told: Told | None) -> Finding | None:
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

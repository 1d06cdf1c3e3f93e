"""What was added to the loss by hand to keep the weights small."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Layers, Run, Series
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import Parameters
from tb_lossdiag.signals.weights import figure_of_weights

__all__ = ["penalty_share"]

FEWEST = 4  # looks at a batch
ALIGNED = 0.3  # of what was added to the gradient, the part along the weights: other losses go elsewhere, with cosines below 0.1 ...
BLURRED = 0.1  # ... and with dropout, whose noise is in the difference too
SAME = 1.01  # largest over smallest share: a penalty is another one of each tensor
WHOLE = 0.99  # of a gradient's norm, below which it was clipped
WATCH = "writer.watch(model, optimizer, loss_fn)"


@signal(log=WATCH)
def penalty_share(
    run: Run,
    parameters: Parameters,
    settings: Mapping[str, str | float] | None = None,
    clip_factor: Series | None = None,
) -> Layers | None:
    """How a penalty that is part of the loss compares with what the loss function asks for, by weight tensor, as `decay_share` does for weight decay.

    |gradient of the penalty| / |gradient of the loss function|, where what is added to the gradient points along the weights (L2) or along
    their signs (L1) at every look. None where nothing does. A gradient that was clipped is no longer the loss function's either, and tells nothing:
    what clipping takes off is the same share of all tensors.
    """
    along, signs, norm, own = (
        figure_of_weights(run, parameters, figure, "penalty") for figure in ("along", "signs", "norm", "loss_grad")
    )
    least = BLURRED if (settings or {}).get("dropout") else ALIGNED
    dropout = least == BLURRED
    clipped = _clipped_at(clip_factor) if dropout else _scaled_at(norm, own)
    found: dict[str, Series] = {}
    for name, each in along.items():
        if name not in signs or name not in norm or name not in own:
            return None
        pulls = np.maximum(each.values, signs[name].values)
        with np.errstate(divide="ignore", invalid="ignore"):
            cosine, share = pulls / norm[name].values, pulls / own[name].values
        known = np.isfinite(cosine) & np.isfinite(share) & ~np.isin(each.steps, clipped)
        if known.sum() >= FEWEST and (pulls[known] > 0).all() and np.median(cosine[known]) > least:
            found[name] = Series(each.steps[known], share[known])
    return found or None


def _scaled_at(norm: Layers, own: Layers) -> NDArray[np.int64]:
    """The steps at which what was added is one and the same share of the loss function's gradient, tensor by tensor."""
    both = [name for name in norm if name in own and np.array_equal(norm[name].steps, own[name].steps)]
    shared = [
        name for name in both if np.array_equal(norm[name].steps, norm[both[0]].steps)
    ]  # parameters may come later
    if len(shared) < 2:  # noqa: PLR2004
        return np.empty(0, np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([norm[name].values / own[name].values for name in shared])
    found: NDArray[np.int64] = norm[shared[0]].steps[shares.max(axis=0) < SAME * shares.min(axis=0)]
    return found


def _clipped_at(factor: Series | None) -> NDArray[np.int64]:
    """The steps at which the gradient was clipped; with dropout the shares are blurred."""
    found: NDArray[np.int64] = factor.steps[factor.values < WHOLE] if factor is not None else np.empty(0, np.int64)
    return found

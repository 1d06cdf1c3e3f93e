"""# Optimizer settings that work against it

## What you see

With Adam: the loss hardly moves, or settles early, although the learning rate is usual. With momentum: the loss swings or rises, although
the learning rate would be right without it.

## Why it happens

Adam divides each step by the size of the gradient plus eps. Where eps is the larger of the two it takes over, and the steps shrink
with the gradient. Momentum adds up past steps: 0.99 makes each a hundred times as large in the end, and remembers a hundred of them. Adam's
beta1 remembers as many: where that is most of the run, its steps answer to gradients of long ago. Clipping that leaves next to nothing of
each gradient makes steps tiny: as where gradients are clipped while a GradScaler's scale is still in them. Rprop and L-BFGS compare one step's
gradient with the last one's, and are made for steps on all samples: between batches gradients change by chance.

## What to do

Set eps well below the size of the gradients, or do not scale the loss down. Set the momentum to 0.9, or divide the learning rate by as
much as the momentum multiplies it. Set beta1 to 0.9. Call `scaler.unscale_(optimizer)` before clipping.

## When this is wrong

Some recipes use a large eps, or a momentum of 0.99, with a learning rate that was chosen for it: then steps have their usual size, and
nothing is reported. Gradients also become small where training is done. Data with much noise settle early by themselves.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, about, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.samples import Samples

EARLY = 1 / 3  # of the run: late gradients are small where training is done
TAKES_OVER = 10.0  # eps over the typical layer's gradient at which it surely rules; at 1 it halves the step; usual is a millionth
OWN = 1e-7  # eps up to here is nobody's choice: it is to blame only where the loss is scaled down, so that no layer's gradient exceeds it
STEP = 0.022  # largest update / weights that lasts, the median of sound trainings: a learning rate chosen for a large eps gets there
LEFT = 0.25  # share of the first loss that is left: below it the run got somewhere
HEAVY = 0.98  # momentum that remembers 50 steps; 0.9, which remembers 10, is usual
USUAL = 0.9
SWING, WIDE = 0.02, 0.08  # largest update / weights of a heavy momentum in full swing
RISEN = 0.5  # share of the first loss that the run ends above, where its momentum carried it away
BACK = 0.2  # of all progress, lost again on the way, by the loss of a whole split: 0.17 at most in sound trainings
AGAIN = 0.6
OUTLIERS = 6.0  # standard errors of a level that a single one of sixty hardly exceeds
SUSPECT = 0.89  # a heavy momentum is no fault in a run that learns all the same
OLD, OLDEST = 0.2, 1.0  # steps that beta1 remembers, as a share of the run
STILL = 0.1  # of all progress, made in the last third: more is a training that is not done
ODD_EPS = 1e-3  # eps from here on, and ...
FELT = 0.1  # ... from this share of a typical gradient on, is worth a remark where the loss has not come down to ...
SOME = 0.02  # ... this share of the first one; so are a momentum and a beta1 that are heavy
CRAWL = 1e-3  # largest update / weights that lasts: a learning rate that was chosen for clipped gradients gets further
WHOLE, ALWAYS = 0.99, 0.95  # of a gradient's norm, below which it was clipped, and share of the steps
CLIPPED, CLIPPED_AWAY = 0.05, 0.005  # what is left of each gradient
# of the training samples, of which a batch of Rprop has to have more; and how sure that makes us
PART, TURNS = 0.5, 0.8
TOGETHER = 3  # steps whose median counts: a single large step is a bad batch


@rule(
    cause="A setting of the optimizer works against it: Adam's eps rules the steps, the momentum is too heavy, or clipping leaves next to nothing.",
    stage="train",
    severity="error",
    remedies=(Remedy("Use the optimizer's usual settings: eps=1e-8, momentum=0.9"),),
    explains=(
        "learning-rate-too-low",
        "learning-rate-too-high",
        "learning-rate-not-decayed",
        "exploding-gradient",
        "non-finite-values",
        "dead-units",
        "saturated-units",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "batch-too-large",
        "overfitting",
        "over-regularization",
    ),
)
def optimizer_mismatch(
    optimizer: Optimizer,
    update_ratio: Series,
    train_shape: Shape,
    layer_gradients: Layers,
    eval_shape: Shape | None = None,
    clip_factor: Series | None = None,
    loss_scale: Series | None = None,
    batch_size: int | None = None,
    samples: Samples | None = None,
) -> Finding | None:
    """Adam's eps against the gradients, the momentum, or what clipping leaves, where steps and loss show the harm."""
    ratio = _largest(update_ratio)
    left = train_shape.last / train_shape.first if train_shape.first > 0 else 0.0
    if not optimizer.groups or not ratio > 0:
        return None
    group = optimizer.groups[0]
    eps, momentum = (float(group.get(name) or 0.0) for name in ("eps", "momentum"))
    betas = group.get("betas")
    found: Finding | None = None
    if batch_size and samples is not None and batch_size < PART * samples.distinct:
        found = _of_parts(optimizer, batch_size, samples.distinct, train_shape, update_ratio)
    if found is not None:
        return found
    if not optimizer.is_adaptive and left > LEFT and ratio < CRAWL and clip_factor is not None:
        found = _clipped(clip_factor, loss_scale, update_ratio)
        if found is not None:
            return found
    if optimizer.is_adaptive:
        momentum = float(betas[0]) if isinstance(betas, (list, tuple)) and betas else momentum
    if optimizer.is_adaptive and left > LEFT:
        slow = _eps(eps, update_ratio, layer_gradients) if ratio < STEP else None
        found = slow or _memory(momentum, left, update_ratio, train_shape)
    elif optimizer.type == "SGD" and HEAVY <= momentum < 1:
        found = _momentum(momentum, ratio if left > RISEN else 0.0, update_ratio, train_shape, eval_shape)
    if found is None and left > SOME:
        return _odd(optimizer, eps / _typical(layer_gradients), momentum, train_shape)
    return found


def _of_parts(optimizer: Optimizer, batch: int, samples: float, form: Shape, updates: Series) -> Finding | None:
    """Optimizers that compare gradients of one step with the next, which are of different samples. L-BFGS may do its work all the same."""
    if optimizer.type == "Rprop":
        return _signs_of_parts(batch, samples, form)
    left = form.last / form.first if form.first > 0 else 0.0
    if optimizer.type == "LBFGS" and (left > LEFT or _came_back(form) > BACK):
        return _curvature_of_parts(batch, samples, form, updates)
    return None


def _signs_of_parts(batch: int, samples: float, form: Shape) -> Finding:
    """Rprop on batches: it makes a step longer where a gradient keeps its sign and shorter where it turns, and those of batches turn by chance
    (Riedmiller and Braun 1993; Hinton, "Neural networks for machine learning", lecture 6e).
    """
    return Finding(
        summary=f"Rprop takes its steps by the signs of gradients, and those of batches of {batch:,} of at least {samples:,.0f} samples turn by chance.",
        confidence=TURNS,
        since=0,
        severity="warning",
        evidence=[
            Fact("Samples in a batch", float(batch), "count", samples, "of all training samples, as Rprop wants them"),
            Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss"),
        ],
        remedies=(
            Remedy(
                "Use RMSprop or Adam, which do the same for batches",
                "torch.optim.Adam(model.parameters(), lr=1e-3)",
                "A lower training loss.",
            ),
            Remedy("Or take each step on all samples"),
        ),
    )


def _curvature_of_parts(batch: int, samples: float, form: Shape, updates: Series) -> Finding:
    """L-BFGS on batches: it tells the curvature from how the gradient changed between two steps, and between two batches it changes for
    another reason (Bollapragada et al. 2018, "A progressive batching L-BFGS method for machine learning", section 1).
    """
    return Finding(
        summary=f"L-BFGS takes the difference of two gradients for curvature, and those of batches of {batch:,} of at least {samples:,.0f} samples differ by "
        "chance: its steps get out of hand.",
        confidence=TURNS,
        since=0,
        severity="warning",
        evidence=[
            Fact("Samples in a batch", float(batch), "count", samples, "of all training samples, as L-BFGS wants them"),
            _updates(updates, "usual", STEP),
            Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss"),
        ],
        remedies=(
            Remedy(
                "Use Adam or SGD, which are made for batches",
                "torch.optim.Adam(model.parameters(), lr=1e-3)",
                "A training loss that falls and stays low.",
            ),
            Remedy("Or take each step on all samples"),
        ),
    )


def _clipped(factor: Series, scale: Series | None, updates: Series) -> Finding | None:
    """Clipping that leaves next to nothing at each step, in a run whose steps are tiny; Adam would make up for it."""
    known = factor.finite()
    if len(known) < TOGETHER or np.mean(known.values < WHOLE) < ALWAYS:
        return None
    left = float(np.median(known.values))
    sure = confidence(math.log(max(left, 1e-12)), doubtful=math.log(CLIPPED), certain=math.log(CLIPPED_AWAY))
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    scaled = float(np.median(scale.finite().values)) if scale is not None and len(scale.finite()) else 1.0
    why = f", a loss scale of {scaled:,.0f} still being in them" if scaled > 1 else ""
    first = Remedy(
        "Unscale the gradients before they are clipped",
        "scaler.unscale_(optimizer)\ntorch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)",
        "Clipping leaves most gradients as they are.",
    )
    return Finding(
        summary=f"Clipping leaves {left:.2g} of each gradient{why}: steps are {about(1 / left)} times smaller than the learning rate makes them.",
        confidence=sure,
        since=0,
        evidence=[
            Curve(
                "Share of the gradient that clipping leaves",
                [Line("clipping", "observed", factor)],
                "ratio",
                [Mark("level", "not clipped", 1.0)],
                "log",
            ),
            _updates(updates, "usual", STEP),
        ],
        remedies=(
            *((first,) if scaled > 1 else ()),
            Remedy(
                "Clip at the largest norms only",
                "clip_grad_norm_(model.parameters(), max_norm=1.0)  # or what one gradient in ten exceeds",
            ),
        ),
        factor=1 / left,
    )


def _odd(optimizer: Optimizer, eps: float, momentum: float, form: Shape) -> Finding | None:
    """A remark on a setting that few choose; `eps` as a multiple of a typical gradient."""
    name = "beta1" if optimizer.is_adaptive else "momentum"
    level = Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss")
    if optimizer.is_adaptive and eps > FELT and float(optimizer.groups[0].get("eps") or 0.0) >= ODD_EPS:
        summary = f"The optimizer's eps of {optimizer.groups[0]['eps']:g} is {eps:.2g} times a typical gradient, and shortens the steps."
        fact, remedy = Fact("eps over a typical gradient", eps, "ratio", FELT), Remedy("Lower eps to 1e-8", "eps=1e-8")
    elif HEAVY <= momentum < 1:
        summary = (
            f"A {name} of {momentum:g} remembers {1 / (1 - momentum):,.0f} steps: few trainings want more than 20."
        )
        fact = Fact(f"Steps that {name} remembers", 1 / (1 - momentum), "step", 1 / (1 - USUAL), f"usual: {USUAL:g}")
        remedy = Remedy(f"Lower {name} from {momentum:g} to {USUAL:g}")
    else:
        return None
    return Finding(
        summary=summary, confidence=REMARK, since=0, severity="info", evidence=[fact, level], remedies=(remedy,)
    )


def _typical(gradients: Layers) -> float:
    """The median over layers of the gradient's size early in the run; infinite where none is known."""
    sizes = [float(np.median(each.finite().head(EARLY))) for each in gradients.values() if len(each.finite())]
    return float(np.median(sizes)) if sizes and np.median(sizes) > 0 else math.inf


def _eps(eps: float, updates: Series, gradients: Layers) -> Finding | None:
    """Early gradients of most layers below eps, in a run of small steps that got nowhere."""
    sizes = {
        name: float(np.median(each.finite().head(EARLY))) for name, each in gradients.items() if len(each.finite())
    }
    typical = float(np.median(list(sizes.values()))) if sizes and eps > OWN else max(sizes.values(), default=0.0)
    if not (eps > 0 and typical > 0):
        return None
    sure = confidence(math.log(eps / typical), doubtful=0.0, certain=math.log(TAKES_OVER))
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        factor = 1 + eps / typical
        bars = Bars(
            "Size of the gradient by layer, early in the run", list(sizes), list(sizes.values()), "value", eps, "log"
        )
        return Finding(
            summary=f"The optimizer's eps of {eps:g} is {about(eps / typical)} times a typical layer's gradient ({typical:.2g}): it makes "
            f"steps {about(factor)} times too small.",
            confidence=sure,
            since=0,
            evidence=[bars, _updates(updates, "usual", STEP)],
            remedies=(_smaller_eps(eps, typical),),
            factor=factor,
        )
    return None


def _memory(beta: float, left: float, updates: Series, form: Shape) -> Finding | None:
    """A beta1 that remembers much of the run, in one that has settled with much of its loss left."""
    steps = int(updates.steps[-1] - updates.steps[0]) + 1
    if not HEAVY <= beta < 1 or form.late_fall > STILL * form.fall:
        return None
    memory = 1 / (1 - beta)
    sure = confidence(math.log(memory / steps), doubtful=math.log(OLD), certain=math.log(OLDEST))
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return Finding(
            summary=f"A beta1 of {beta:g} averages the gradients of {memory:,.0f} steps, in a run of {steps:,}: steps come too late, and "
            f"{percent(left)} of the loss is left.",
            confidence=sure,
            since=0,
            evidence=[
                Fact("Steps that beta1 remembers", memory, "step", 1 / (1 - USUAL), f"usual: beta1={USUAL:g}"),
                Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss"),
            ],
            remedies=(
                Remedy(
                    f"Lower beta1 from {beta:g} to {USUAL:g}",
                    f"betas=({USUAL:g}, 0.999)",
                    "A loss that falls further, and sooner.",
                ),
            ),
        )
    return None


def _smaller_eps(eps: float, largest: float) -> Remedy:
    target = 10 ** math.floor(math.log10(largest / 1000))
    expect = "Update ratios near 1e-2, and a loss that falls from the first steps."
    if eps <= 1e-8:  # noqa: PLR2004  (Adam's own: the gradients are what is unusual)
        return Remedy("The gradients are tiny: do not divide the loss, or lower eps", f"eps={target:.0e}", expect)
    return Remedy(f"Lower eps from {eps:g} to 1e-8", "eps=1e-8", expect)


def _momentum(momentum: float, ratio: float, updates: Series, form: Shape, evaluation: Shape | None) -> Finding | None:
    """A heavy momentum in full swing, in a run that ends no better than halfway, or whose loss came back on its way."""
    back = max(_came_back(form), _came_back(evaluation) if evaluation is not None else 0.0)
    swings = confidence(math.log(max(ratio, 1e-12)), doubtful=math.log(SWING), certain=math.log(WIDE))
    returns = confidence(math.log(max(back, 1e-12)), doubtful=math.log(BACK), certain=math.log(AGAIN))
    sure = min(max(swings, returns), SUSPECT)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        gain = 1 / (1 - momentum)
        evidence: list[Evidence] = [
            Fact(
                "Momentum",
                momentum,
                "ratio",
                USUAL,
                f"steps become {gain:,.0f} times as large; with {USUAL:g}, 10 times",
            ),
            _updates(updates, "full swing", WIDE),
            Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss"),
        ]
        return Finding(
            summary=f"A momentum of {momentum:g} makes steps {gain:,.0f} times as large, and they no longer stop: "
            + (
                f"the weights change by {ratio:.2g} of their size in a step."
                if swings >= returns
                else f"the loss rose again by {percent(min(back, 9.99))} of what it had gained."
            ),
            confidence=sure,
            since=0,
            evidence=evidence,
            remedies=(
                Remedy(
                    f"Lower the momentum from {momentum:g} to {USUAL:g}, or divide the learning rate by {gain * (1 - USUAL):,.0f}",
                    f"torch.optim.SGD(model.parameters(), lr=lr, momentum={USUAL:g})",
                    "A loss that falls without swinging.",
                ),
            ),
            factor=gain * (1 - USUAL),
        )
    return None


def _came_back(form: Shape) -> float:
    """The largest rise of the level above the lowest one before it, beyond what noise does, as a share of all progress."""
    level = form.level.values
    rise = float(np.max(level - np.minimum.accumulate(level))) - OUTLIERS * form.error
    return rise / form.fall if form.fall > 0 else 0.0


def _updates(ratio: Series, label: str, level: float) -> Curve:
    lines = [Line("update / weights", "observed", ratio)]
    return Curve("Update ratio (median over layers)", lines, "ratio", [Mark("level", label, level)], "log")


def _largest(ratio: Series) -> float:
    """The largest update ratio that lasted for a few sampled steps."""
    values = ratio.values[np.isfinite(ratio.values)]
    if len(values) < TOGETHER:
        return math.nan
    return float(np.median(np.lib.stride_tricks.sliding_window_view(values, TOGETHER), axis=1).max())

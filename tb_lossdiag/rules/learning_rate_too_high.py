"""# Learning rate too high

## What you see

The loss jumps, swings, rises or becomes NaN, often within the first steps; or it leaps up once and then stays flat, because that one
leap has switched the network off; or it stops at what guessing by frequency reaches, and the network says the same of every sample; or it
falls for a while and then goes back to a blind guess, in training as in validation.

## Why it happens

Each step goes past the bottom of the valley that it aims for and lands higher up on the other side. Then the next
gradient points back: consecutive gradients oppose each other, and the steps are large beside the weights themselves.

## What to do

Lower the learning rate by the factor named; warm it up over the first few hundred steps; clip the gradient norm if
only rare steps are too large.

## When this is wrong

A loss that jitters with consecutive gradients at right angles is noise of small batches. A single spike is a bad batch. Large steps
right at the edge of stability are healthy as long as the loss falls: a language model or a linear classifier may be
trained with steps of a tenth of its weights, and their gradients clipped. Where a good part of the first loss is gone and has stayed
away, large steps are worth a remark and no more. A NaN all at once, long after the steps have become small, has another reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, Severity, about, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.limits import Limit
from tb_lossdiag.signals.loss import Shape, signed
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.structure import LossFunction, Modules, Parameters

RATIO = 0.1  # update / weights that is doubtful when it lasts (TheDeepChecker: above 0.1 is too fast) ...
BEYOND = 2.5  # ... or so many times the optimizer's usual one, where that is more ...
WILD = 0.6  # ... and certain: weights replaced by half at every step
MOST = 0.5  # share of a layer's units, as for `saturated-units` and `dead-units`
LATE = 0.2  # of the run, as for `dead-units`
PINNED = 0.7  # taken off where the network was switched off before the first step
HANDFUL, SHAKEN = (
    4,
    0.4,
)  # samples whose BatchNorm statistics shake the network at any rate, and what is taken off for that
WARM = 0.5  # first learning rate as a share of the largest: below it the first step says nothing
OFF = 0.5  # half of the weights replaced at each step: from then on the ratio says little of the rate
USUAL = 0.022  # the middle of sound trainings, where the optimizer is not known
BACK = -0.15  # what is left of a gradient after its own step: below zero the step went too far
FAR = -0.6
EARLY = 40  # sampled steps in which a network that is thrown off is thrown off
TOGETHER = 3  # steps whose median must be large: a single large step is a bad batch
SURE = 2.0  # standard errors of a level
AGAIN, AGAIN_IN_VALIDATION = (1.4, 2.2), (1.2, 1.5)  # last level over the best one: doubtful and certain
SMALL = 5  # sampled steps before a NaN that must all have been small for it to have another reason
YOUNG = 100  # steps
BEGINS = 25  # steps of a run that goes on, after which large ones may have done lasting harm
ROUGH = 0.5  # noise of single points, as a share of the last level
PAIRS = 10  # of steps in a row, before what is left of a gradient says something
SHORT = 0.15  # what all of the first steps leave of a gradient at least where they stop short of where it leads, however large they are
LEAP = 0.3  # rise of the loss above its start, as a share of it, that counts as harm ...
LEPT = 1.5  # ... and surely does
DONE = 0.1  # share of the first loss that is left where the steps plainly did no harm,
HALF = 0.4  # where there is no telling (the floor of a language model lies there),
STUCK = 0.85  # and where nothing else was achieved
KEPT = 0.95  # of the whole fall, still there at the end ...
GAINED = 0.35  # ... which is this share of the first loss: a language model's floor leaves it no more
LEARNT, ALL_LOST = 0.1, 0.85  # share of the first loss that was gone before it came back, and how sure that makes us
BLOWS_UP, BLOWN = 100.0, 0.9  # times the largest of the first losses at which a run ends, and how sure that makes us
MUTED, GONE = (
    0.05,
    0.85,
)  # update / weights from which on steps are what made a network mute, and how sure that makes us
LEAPS, REST = (
    1.0,
    0.01,
)  # update / weights of a single step that replaces them, and what is left of that in the middle of the later ones
SEVERAL, ENDED = 2, 0.75  # layers without any gradient, and how sure of the steps that makes us
PLAIN = 0.75  # harm that nobody would argue about
HARMS = 0.4  # weights of harm, and of its absence, beside the steps' size: large steps that help are healthy
HELPS = 0.7
LEAST = 2.0  # times too high: less is no fault
FATAL = 10.0  # times lower is worth a try where steps have switched a network off, however large they were
MOSTLY = 0.5  # of the largest steps that lasted, which is lost in the size of the weights
SHRUNK = 0.2  # of the largest steps that lasted, and of the usual ones
MILD = 2.5  # times too high, told by what steps leave of a gradient alone: noise does that, too, where there is nothing to learn


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a run, and what any finding says of them. `ratio` is the largest update ratio that lasted, `best` the one to aim at."""

    ratio: float
    ratios: Series
    responses: Series | None
    loss: Series
    lr: Series | None
    optimizer: Optimizer | None
    best: float

    @property
    def response(self) -> float:
        """What the steps of the first half left of a gradient, NaN where that is not known."""
        return (
            float(np.median(self.responses.head(0.5)))
            if self.responses is not None and len(self.responses) >= PAIRS
            else math.nan
        )

    @property
    def stop_short(self) -> bool:
        """Whether each of the first steps left some of its gradient: small embeddings grow by large ones, and none goes too far."""
        first = self.responses.values[:PAIRS] if self.responses is not None else ()
        return len(first) == PAIRS and bool(np.min(first) > SHORT)

    @property
    def told(self) -> float:
        """The ratio that tells by how much the rate is off: of the very first step, where later ones are steps of a network thrown off.

        Weights grow with such steps, or explode, so that ratios end near 1 or far above, whatever the rate was.
        """
        first = float(self.ratios.values[0]) / (self.optimizer.first_step if self.optimizer is not None else 1.0)
        plain = self.ratio > OFF and first > RATIO and math.isfinite(first) and not self.warming
        return first if plain else self.ratio

    @property
    def warming(self) -> bool:
        """Whether the rate rises from its first value to a multiple of it."""
        known = self.lr is not None and len(self.lr) > 0
        return known and self.lr is not None and bool(self.lr.values[0] < WARM * self.highest)

    @property
    def highest(self) -> float:
        """The largest learning rate of the run."""
        return float(self.lr.finite().values.max(initial=0.0)) if self.lr is not None else 0.0

    @property
    def factor(self) -> float:
        """By how much the rate is too high, by the size of the steps and by what they leave of a gradient."""
        return max(self.told / self.best, 1.0 - self.response if math.isfinite(self.response) else 0.0, LEAST)

    @property
    def now(self) -> float:
        """The learning rate at the start, or where a warm-up led to; 0 where it is not known."""
        if self.lr is not None and len(self.lr):
            return self.highest if self.warming else float(self.lr.values[0])
        groups = self.optimizer.groups if self.optimizer is not None else ()
        return float(groups[0].get("lr") or 0.0) if groups else 0.0

    @property
    def beyond_all(self) -> float:
        """By how much the learning rate is above any that is worth a try."""
        return self.now / self.optimizer.highest if self.optimizer is not None else 0.0

    def finding(
        self, summary: str, sure: float, factor: float, *, since: int, severity: Severity | None = None
    ) -> Finding:
        """What is to be said, with the pictures and the rate to use."""
        return Finding(
            summary=summary,
            confidence=sure,
            severity=severity,
            since=since,
            evidence=_evidence(self.ratios, self.responses, self.loss, self.best),
            remedies=_remedies(factor, self),
            factor=factor,
        )


@rule(
    cause="The steps are too large: the optimizer overshoots.",
    stage="train",
    severity="error",
    by_steps=True,
    remedies=(
        Remedy("Lower the learning rate by 3 to 10 times"),
        Remedy("Warm the learning rate up", "torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=500)"),
    ),
    explains=(
        "class-imbalance",
        "exploding-gradient",
        "non-finite-values",
        "dead-units",
        "saturated-units",
        "vanishing-gradient",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
        "uninformative-features",
        "insufficient-capacity",
        "undertrained",
        "batch-too-small",
    ),
)
def learning_rate_too_high(
    update_ratio: Series,
    train_loss: Series,
    train_shape: Shape | None = None,
    step_response: Series | None = None,
    lr: Series | None = None,
    optimizer: Optimizer | None = None,
    usual_update: float = USUAL,
    best_update: float = USUAL,
    saturated_share: Layers | None = None,
    modules: Modules | None = None,
    batch_size: int | None = None,
    eval_shape: Shape | None = None,
    loss_left: float | None = None,
    dead_share: Layers | None = None,
    model_count: int | None = None,
    finished: bool | None = None,
    mute_since: int | None = None,
    cut_off: Mapping[str, int] | None = None,
    parameters: Parameters | None = None,
    loss_function: LossFunction | None = None,
    output_limit: Limit | None = None,
    shrinking: float | None = None,
) -> Finding | None:
    """Steps that are large beside the weights and go too far, in a run whose loss shows it; or a loss that rises again in training and
    validation; or after which the network says the same of every sample; or large steps that silenced most units of a layer, which is
    worth a remark.
    """
    settled = optimizer.settled(update_ratio) if optimizer is not None else update_ratio
    steps = Steps(_lasting(settled), update_ratio, step_response, train_loss, lr, optimizer, best_update)
    known = _before(train_loss, update_ratio, usual_update)
    floor = loss_function is None or loss_function.has_floor
    harm, fell = _harm(known, train_shape, floor=floor), train_shape is not None and _fell_for_good(known, train_shape)
    sure = _too_far(steps, usual_update, harm, loss_left)
    if _pinned_before(saturated_share):
        sure -= PINNED
    if batch_size is not None and batch_size <= HANDFUL and any("BatchNorm" in each.type for each in modules or ()):
        sure -= SHAKEN
    if 0.5 < sure < PLAIN and loss_left is not None and loss_left > KEPT and _silenced(dead_share or {}):  # noqa: PLR2004
        sure = PLAIN  # nothing is learnt, and layers are dead: what large steps leave behind
    if sure > 0.5 and harm > 0 and len(update_ratio):  # noqa: PLR2004
        # where gradients are clipped a rate above all others may be right
        factor = steps.factor if fell else max(steps.factor, steps.beyond_all)
        since = int(update_ratio.steps[int(np.argmax(update_ratio.values >= steps.ratio))])
        wither = (
            shrinking is not None and shrinking > MOSTLY * steps.ratio
        )  # a weight decay's steps, with hardly a gradient beside them
        if fell or wither or _have_shrunk(steps, dead_share or {}):
            told = _withering(steps.ratio) if wither else _remark(factor, steps.ratio)
            return steps.finding(told, REMARK, factor, since=since, severity="info")
        small = bool((update_ratio.values[:EARLY] < RATIO).all())  # none of them, not the first either, is large
        mild = factor < MILD and small and np.isfinite(train_loss.values[-1])
        begins = finished is False and train_loss.steps[-1] < BEGINS and np.isfinite(train_loss.values[-1])
        severity: Severity | None = "info" if mild or begins else None
        return steps.finding(
            _summary(factor, steps.ratio, train_loss), min(sure, 0.99), factor, since=since, severity=severity
        )
    ruined = _ruined(steps, alone=model_count is None or model_count == 1)
    if ruined is not None:
        return ruined
    again = 0.0
    if loss_left is not None:
        again = _lost_again(train_shape, eval_shape) if steps.ratio > usual_update else 0.0
        again = max(again, ALL_LOST if loss_left > KEPT and _all_lost(train_shape, eval_shape) else 0.0)
    if again > 0.5 and train_shape is not None and eval_shape is not None:  # noqa: PLR2004
        summary = (
            f"What was learnt is lost again: the training loss rises from {train_shape.best:.3g} to {train_shape.last:.3g}, and validation with it, "
            f"from {eval_shape.best:.3g} to {eval_shape.last:.3g}."
        )
        factor = max(steps.ratio / best_update, LEAST)
        return steps.finding(summary, again, factor, since=int(train_shape.best_step))
    rectified = output_limit is not None and output_limit.low == 0  # nothing comes back from an output at its lower end
    ended = _ended(steps, cut_off or {}, parameters or ()) if not rectified else None
    whole = None if _pinned_before(saturated_share) else _mute(steps, mute_since) or ended or _leapt(steps)
    return _switched_off(steps, usual_update, whole, dead_share or {}, loss_left)


def _have_shrunk(steps: Steps, dead: Layers) -> bool:
    """Whether the optimizer itself has long since made its steps small, and they have silenced nothing: these hold no loss up any more."""
    late = float(np.median(steps.ratios.tail(LATE))) if len(steps.ratios) else math.nan
    settles = steps.optimizer is not None and steps.optimizer.type == "Adagrad"
    return settles and late < SHRUNK * min(steps.ratio, steps.best) and not _silenced(dead)


def _too_far(steps: Steps, usual: float, harm: float, left: float | None) -> float:
    """How sure the size of the steps and what they leave of a gradient make us, weighed with the harm that the loss shows."""
    if left is not None and left < STUCK and steps.stop_short:
        return 0.0
    doubtful = max(RATIO, BEYOND * usual)
    large = confidence(math.log(max(steps.ratio, 1e-12)), doubtful=math.log(doubtful), certain=math.log(WILD))
    beyond = confidence(steps.response, doubtful=BACK, certain=FAR) if steps.ratio > USUAL else 0.0
    agree = min(large, beyond) > 0.5 and harm > PLAIN  # noqa: PLR2004  (as sure as not)
    return max(large, beyond) + 0.15 * agree + (HELPS if harm < 0.5 else HARMS) * (harm - 0.5)  # noqa: PLR2004


def _ruined(steps: Steps, *, alone: bool) -> Finding | None:
    """A loss that is lost at the first steps, so that none of them lasts, or that blows up at the end; a critic's may grow with the values."""
    thrown = _thrown_off(steps.loss, steps.ratios)
    if thrown is not None:
        summary = f"A step changes the weights by {percent(thrown)} of their size, and the loss is not finite at once."
        sure = min(confidence(thrown, doubtful=OFF, certain=2 * OFF), BLOWN)
        return steps.finding(summary, sure, max(thrown / steps.best, steps.beyond_all, LEAST), since=0)
    if not alone or not _blows_up(steps.loss) or signed(steps.loss):
        return None
    factor = max(steps.factor, steps.beyond_all)
    summary = f"The learning rate is {about(factor)} times too high: the loss ends at {steps.loss.values[-1]:.2g}, far above where it began."
    return steps.finding(summary, BLOWN, factor, since=int(steps.loss.steps[-1]))


def _switched_off(
    steps: Steps, usual: float, whole: Finding | None, dead: Layers, left: float | None
) -> Finding | None:
    """Steps after which the network is off as a whole, and has not done its job; or most of a layer is, or whose harm a loss such as a policy's
    does not tell, which is worth a remark.
    """
    if whole is not None and left is not None and left > HALF:
        return whole
    mum = signed(steps.loss)
    if steps.ratio > BEYOND * usual and (mum or _silenced(dead)):
        factor = max(steps.told / steps.best, LEAST)
        share = percent(min(steps.ratio, 9.99))
        summary = f"Steps are large, about {about(factor)} times the usual ones: the first changed the weights by {share} each, which this loss does not judge."
        return steps.finding(summary if mum else _remark(factor, steps.ratio), REMARK, factor, since=0, severity="info")
    return None


def _mute(steps: Steps, since: int | None) -> Finding | None:
    """Large steps after which nothing gets through the network any more."""
    if since is None or not steps.ratio > MUTED:
        return None
    summary = (
        f"From step {since:,} on the network says the same of every sample: steps that changed the weights by {percent(min(steps.ratio, 9.99))} "
        "each have carried it where nothing gets through."
    )
    return steps.finding(summary, GONE, max(steps.told / steps.best, steps.beyond_all, FATAL), since=since)


def _leapt(steps: Steps) -> Finding | None:
    """One step that replaced the weights, at first, and hardly a move since: the loss has stayed where that step left it."""
    known, loss = steps.ratios.finite(), steps.loss.finite().values
    first = float(known.values[:SMALL].max(initial=0.0))
    if len(known) < EARLY // 2 or not first > LEAPS or not float(np.median(known.values[SMALL:])) < REST * first:
        return None
    if not float(np.median(loss[len(loss) // 2 :])) > loss[0]:
        return None
    return steps.finding(
        f"One of the first steps changed the weights by {percent(min(first, 9.99))}, and the loss has never come back to where it began.",
        GONE,
        max(first / steps.best, steps.beyond_all, FATAL),
        since=int(known.steps[int(np.argmax(known.values[:SMALL]))]),
    )


def _ended(steps: Steps, since: Mapping[str, int], parameters: Parameters) -> Finding | None:
    """Steps after which no gradient comes back at all: what was alive before the first of them did not die by itself."""
    layers = [each.name for each in parameters if each.trainable and len(each.shape) > 1]
    if len(layers) < SEVERAL or not all(since.get(each, 0) > int(steps.loss.steps[0]) for each in layers):
        return None
    began = max(since[each] for each in layers)
    return steps.finding(
        f"No gradient comes back from step {began:,} on: the steps before it, of {percent(min(steps.ratio, 9.99))} of the weights, have switched the network off.",
        ENDED,
        max(steps.told / steps.best, steps.beyond_all, FATAL),
        since=began,
    )


def _thrown_off(loss: Series, ratio: Series) -> float | None:
    """The largest step before the loss is lost for good, where that is within the first few, so that no step lasts; None unless it replaces the weights."""
    lost = loss.steps[~np.isfinite(loss.values)]
    if not len(lost) or lost[0] > SMALL or np.isfinite(loss.values[-1]):
        return None
    known = ratio.finite()
    largest = float(known.values[known.steps < lost[0]].max(initial=0.0))
    return largest if largest > OFF else None


def _blows_up(loss: Series) -> bool:
    """Whether the run ends with a loss that is many times what it was at first, though finite yet."""
    values = loss.values
    return len(values) > SMALL and bool(values[-1] > BLOWS_UP * np.max(np.abs(values[:SMALL])) > 0)


def _lost_again(train: Shape | None, evaluation: Shape | None) -> float:
    """How sure a loss makes us that rises again in training as in validation: nobody memorises here, the steps carry the network away."""
    if train is None or evaluation is None:
        return 0.0
    times = [
        each.last / each.best if each.best > 0 and each.rise > SURE * each.error else 1.0
        for each in (train, evaluation)
    ]
    return min(
        confidence(math.log(risen), doubtful=math.log(low), certain=math.log(high))
        for risen, (low, high) in zip(times, (AGAIN, AGAIN_IN_VALIDATION), strict=True)
    )


def _all_lost(train: Shape | None, evaluation: Shape | None) -> bool:
    """Whether all that was learnt is lost again, in training as in validation, however large the steps are: a network that collapses."""
    if train is None or evaluation is None:
        return False
    began = max(train.first, evaluation.first)  # the first evaluation often comes when much is learnt already
    return all(
        first - each.best > LEARNT * abs(first) and each.rise > max(SURE * each.error, KEPT * (first - each.best))
        for each, first in ((train, train.first), (evaluation, began))
    )


def _lasting(ratio: Series) -> float:
    """The largest update ratio that lasted for a few sampled steps, among the first ones; infinite where it overflowed."""
    early = ratio.values[:EARLY]
    early = np.where(np.isnan(early), np.inf, early) if not np.isfinite(early).all() else early
    if len(early) < TOGETHER:
        return 0.0
    lasting = np.median(np.lib.stride_tricks.sliding_window_view(early, TOGETHER), axis=1)
    return float(min(lasting.max(), 1e6))


def _pinned_before(share: Layers | None) -> bool:
    """Whether most units of a layer were at their limits before the first step: no step has brought them there."""
    return any(len(each) and each.values[0] > MOST for each in (share or {}).values())


def _silenced(share: Layers) -> bool:
    """Whether most units of a layer fall silent on the way, and stay so: steps have brought them there."""
    return any(len(each) and each.values[0] <= MOST < float(np.median(each.tail(LATE))) for each in share.values())


def _before(loss: Series, ratio: Series, usual: float) -> Series:
    """The loss without the NaN at its end, where steps had been small for long and the loss far below its start: not they have brought it about."""
    bad = np.flatnonzero(~np.isfinite(loss.values))
    if not len(bad):
        return loss
    first = int(bad[0])
    small = ratio.values[ratio.steps < loss.steps[first]][-SMALL:]
    learnt = first >= SMALL and float(np.median(loss.values[first - TOGETHER : first])) < HALF * float(loss.values[0])
    quiet = len(small) == SMALL and bool((small < usual).all())
    return Series(loss.steps[:first], loss.values[:first]) if learnt and quiet else loss


def _harm(loss: Series, form: Shape | None, *, floor: bool) -> float:
    """How sure the loss curve makes us that the steps did harm: it becomes NaN, leaps above its start, or most of it is left, if 0 is its `floor`."""
    bad = ~np.isfinite(loss.values)
    if bad.any() and bad[-1]:
        return 1.0
    finite = loss.values[~bad]
    if len(finite) < TOGETHER or form is None or signed(loss):
        return 0.0
    size = max(abs(float(finite[0])), 1e-12)
    peak = float(np.median(np.lib.stride_tricks.sliding_window_view(finite, TOGETHER), axis=1).max())
    left = max(form.last / size, 1e-12)
    stays = confidence(math.log(left), doubtful=math.log(HALF), certain=math.log(STUCK))
    leapt = confidence((peak - finite[0]) / size, doubtful=LEAP, certain=LEPT)
    if len(finite) < YOUNG and form.late_fall > SURE * form.late_error and leapt < 0.5:  # noqa: PLR2004
        return 0.0  # it falls, and has had no time to fall far
    if not floor:
        return leapt if leapt > 0.5 and form.last > finite[0] else 0.0  # noqa: PLR2004  (as sure as not)
    harm = stays if left < DONE else max(stays, leapt)
    return min(harm, 0.5) if form.noise > ROUGH * abs(form.last) else harm  # a return's loss has no level to speak of


def _fell_for_good(loss: Series, form: Shape) -> bool:
    """Whether a good part of the first loss is gone and stays away, without a leap before: the steps that took it there did no harm."""
    if not np.isfinite(loss.values).all():
        return False
    first = min(form.first, float(loss.values[0]))  # a leap of the second step is in the level of the first ones
    fell = first - form.last
    leap = np.median(np.lib.stride_tricks.sliding_window_view(loss.values, TOGETHER), axis=1).max() - loss.values[0]
    rough = SURE * form.error if len(loss) < YOUNG else 0.0  # the last level of a short run
    kept = form.last - form.best < max((1 - KEPT) * (first - form.best), rough)
    return bool(kept and fell > GAINED * abs(first) and leap < LEAP * abs(loss.values[0]))


def _remark(factor: float, ratio: float) -> str:
    share = percent(min(ratio, 9.99))
    return f"Steps are large, {about(factor)} times the usual ones: the first changed the weights by {share} each, though the loss falls."


def _withering(ratio: float) -> str:
    share = percent(min(ratio, 9.99))
    return f"Steps change the weights by {share} each, and more than half of that makes them smaller: that is a weight decay's doing."


def _summary(factor: float, ratio: float, loss: Series) -> str:
    bad = np.flatnonzero(~np.isfinite(loss.values))
    outcome = f"the loss is NaN since step {loss.steps[bad[0]]:,}" if len(bad) and bad[-1] == len(loss) - 1 else ""
    if not outcome:
        outcome = f"the first steps changed the weights by {percent(min(ratio, 9.99))} each"
    return f"The learning rate is {about(factor)} times too high: {outcome}."


def _evidence(ratio: Series, response: Series | None, loss: Series, usual: float) -> list[Evidence]:
    evidence: list[Evidence] = [
        Curve(
            "Update ratio (median over layers)",
            [Line("update / weights", "observed", ratio)],
            "ratio",
            [Mark("level", "too large", RATIO), Mark("level", "usual", usual)],
            "log",
        ),
        Curve("Training loss", [Line("train", "observed", loss)], "loss"),
    ]
    if response is not None:
        evidence.append(
            Curve(
                "What is left of a gradient after its own step",
                [Line("response", "observed", response)],
                "ratio",
                [Mark("level", "just right", 0.0), Mark("level", "every step makes it worse", -1.0)],
            )
        )
    return evidence


def _remedies(factor: float, steps: Steps) -> tuple[Remedy, ...]:
    expect = f"An update ratio near {steps.best:g}, and a loss that falls from the first steps."
    warm = Remedy("Or warm it up", "torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=500)")
    now = steps.now
    if not now:
        return (Remedy(f"Lower the learning rate by {about(factor)} times", "", expect), warm)
    name = steps.optimizer.type if steps.optimizer is not None else "SGD"
    code = f"torch.optim.{name}(model.parameters(), lr={now / factor:.1g})"
    return (Remedy(f"Lower the learning rate from {now:g} to about {now / factor:.1g}", code, expect), warm)

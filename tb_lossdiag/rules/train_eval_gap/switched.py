"""A mode that is on where it should be off, or the other way round."""

from __future__ import annotations

from tb_lossdiag.evidence import Fact
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rules.train_eval_gap.both import curve, keeping
from tb_lossdiag.signals.modes import ModesUsed
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import Modules

__all__ = ["forgotten", "noise", "off", "still_drops"]

NOTICED, CERTAIN = 0.05, 0.2  # what the mode makes of a loss that was validated in training mode, as a share of it
STILL_NOISY = 0.8  # that noise in evaluation mode is not meant
DROPS = 0.1  # share of the units that a dropout takes: less is hardly missed
SWITCHED = 0.95  # nobody switches dropout and batch statistics off in the middle of a training on purpose


def off(since: int, modes: ModesUsed, modules: Modules) -> Finding | None:
    """Layers that do not do in training what they are there for. From the beginning that may be meant: of a network that is fine-tuned."""
    dropping = [each.name for each in modules if "Dropout" in each.type and float(each.settings.get("p") or 0) >= DROPS]
    norms = [each.name for each in keeping(modules)]
    drops = bool(dropping) or any(each >= DROPS for each in modes.functions)
    if not (drops or norms):
        return None
    kinds = " and ".join(kind for kind, there in (("dropout", drops), ("batch statistics", norms)) if there)
    return Finding(
        summary=f"The network is trained in evaluation mode from step {since:,} on: {kinds} are off.",
        confidence=SWITCHED if modes.switched else REMARK,
        severity=None if modes.switched else "info",
        since=since,
        where=[*dropping, *norms],
        evidence=[Fact("Training in evaluation mode since step", float(since), "step")],
        remedies=(
            Remedy(
                "Call model.train() before each epoch: an evaluation has called model.eval()",
                "for epoch in range(epochs):\n    model.train()\n    ...\n    model.eval()",
                "Dropout and batch statistics at work in all of the training.",
            ),
        ),
    )


def still_drops(share: float) -> Finding:
    """Dropout as a function, which nobody has told that this is evaluation."""
    return Finding(
        summary=f"{percent(share)} of the values are dropped in evaluation mode, too: dropout is called as a function that is not told the mode.",
        confidence=SWITCHED,
        severity=None if share >= DROPS else "info",
        since=0,
        evidence=[Fact("Values that are dropped in evaluation mode", share, "share", 0.0)],
        remedies=(
            Remedy(
                "Tell the function the mode, or use the module",
                "F.dropout(x, p, training=self.training)  # or self.dropout = nn.Dropout(p)",
                "A better validation loss, and the same one each time.",
            ),
        ),
    )


def noise(layer: str) -> Finding:
    """A layer of noise that does not ask for the mode."""
    return Finding(
        summary=f"{layer} draws random numbers in evaluation mode, too: what it adds to training is an error in use.",
        confidence=STILL_NOISY,
        severity="info",
        since=0,
        where=[layer],
        evidence=[Fact("Draws random numbers in evaluation mode", layer, "value")],
        remedies=(
            Remedy(
                "Pass on what it is given where the model is not being trained",
                "if not self.training: return x",
                "The same output each time for the same input, and a lower validation loss.",
            ),
        ),
    )


def forgotten(gap: ModeGap) -> Finding | None:
    """Validation shows another network than the one that will be used."""
    sure = confidence(abs(gap.late), doubtful=NOTICED, certain=CERTAIN)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return Finding(
            summary=(
                f"Validation runs in training mode: on the same batches the loss is {gap.late_train:.3g} in training mode, but "
                f"{gap.late_evaluation:.3g} in evaluation mode."
            ),
            confidence=sure,
            since=0,
            evidence=[curve(gap, []), Fact("Of the loss, due to the mode", abs(gap.late), "share", NOTICED)],
            remedies=(
                Remedy(
                    "Call model.eval() before each evaluation, and model.train() after it",
                    "model.eval()\nwith torch.no_grad():\n    ...\nmodel.train()",
                    "A validation loss of the network as it will be used.",
                ),
            ),
        )
    return None

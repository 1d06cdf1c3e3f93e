"""Diagnoses a run while it is trained, on a thread of its own, and tells what has become certain: each cause once."""

from __future__ import annotations

import functools
import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tb_lossdiag.ranking import Ranked
from tb_lossdiag.reader import Log
from tb_lossdiag.report import Report, diagnose
from tb_lossdiag.tags import TRAIN_LOSS
from tb_lossdiag.verdict import Verdict

__all__ = ["Alert", "Attention", "HopelessRunError", "Lookout"]

LOGGER = logging.getLogger("tb_lossdiag")

# Replayed runs of the fault benchmark set these (benchmarks/early.py): of 465 healthy ones 6 are told of, and none is stopped.
SURE = 0.9  # calibrated confidence of what is told, and of an error for which a run is stopped
LOOKS = 3  # looks in a row that must have seen it
GROWTH = 1.5  # from the first of them to the last the run must have grown by this factor, to so many steps ...
STEPS = 100
HOPELESS_GROWTH = 1.4  # ... less where the loss does not fall: but first it may only need to get going
HOPELESS_STEPS = 50
NO_PROGRESS = ("stuck", "diverging", "non-finite")  # verdicts of a loss that does not fall
SLOW = frozenset(
    {"learning-rate-too-low"}
)  # deep networks linger at first, and look like that: too slow is not hopeless
UNFINISHED = frozenset({"undertrained"})  # true of every run that goes on
SOONEST = 1.0  # seconds between two looks, at least
SPACING = 10  # ... and this part of the time so far
PATIENCE = 10.0  # seconds that a webhook may take


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding that has become certain at `step`. `hopeless`: the loss does not fall, and will not before this is mended."""

    run: str
    step: int
    finding: Ranked
    verdict: Verdict
    hopeless: bool = False

    def __str__(self) -> str:
        remedy = self.finding.remedies[0].action if self.finding.remedies else ""
        return f"{self.run or 'This run'}, step {self.step:,}: {self.finding.summary}" + (
            f" {remedy}." if remedy else ""
        )


class HopelessRunError(RuntimeError):
    """Raised in the training thread where `on_finding("raise")` was asked for. `alert` says why."""

    def __init__(self, alert: Alert) -> None:
        super().__init__(str(alert))
        self.alert = alert


@dataclass(slots=True)
class Attention:
    """What was seen at the looks so far: decides what is certain by now. Knows no clock and no thread."""

    _since: dict[str, list[int]] = field(default_factory=dict)
    _hopeless: dict[str, list[int]] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _given_up: bool = False

    def look(self, report: Report, step: int) -> list[Alert]:
        """The alerts that this look at a growing run gives rise to, most important first."""
        loud = [
            each
            for each in report.findings
            if each.severity != "info" and each.role != "consequence" and each.cause not in UNFINISHED
        ]
        sure = {each.cause: each for each in loud if each.confidence >= SURE}
        bad = report.verdict.id in NO_PROGRESS
        grave = [each for each in loud if each.role == "root" and each.severity == "error" and each.cause not in SLOW]
        hopeless = [each.cause for each in grave if bad and each.confidence >= SURE]
        self._since = {cause: [*self._since.get(cause, []), step] for cause in sure}
        self._hopeless = {cause: [*self._hopeless.get(cause, []), step] for cause in hopeless}
        alerts = []
        for cause, finding in sure.items():
            gone = not self._given_up and lasts(self._hopeless.get(cause, []), HOPELESS_GROWTH, HOPELESS_STEPS)
            if gone or (cause not in self._told and lasts(self._since[cause], GROWTH, STEPS)):
                self._told.add(cause)
                self._given_up |= gone
                alerts.append(Alert(report.run, step, finding, report.verdict, hopeless=gone))
        return alerts


def lasts(steps: Sequence[int], growth: float, least: int) -> bool:
    """Whether what was seen at these looks in a row was seen for long enough."""
    return len(steps) >= LOOKS and steps[-1] >= least and steps[-1] >= growth * max(1, steps[0])


class Lookout:
    """The thread. `flush` brings what was logged to disk; `duty` is the share of the time that looking may take.

    It knows the log directory and nothing else of the writer, so that it keeps neither it nor a model alive. `stop` and `error`
    are read by the training thread.
    """

    def __init__(self, log_dir: str, flush: Callable[[], None], duty: float) -> None:
        self.stop = False
        self.error: HopelessRunError | None = None
        self.spent = 0.0  # seconds of CPU time
        self._directory = Path(log_dir)
        self._flush = flush
        self._duty = duty
        self._callbacks: list[Callable[[Alert], object]] = []
        self._attention = Attention()
        self._seen = -1
        self._closing = threading.Event()
        self._began = time.monotonic()
        self._last = 0.0
        self._thread: threading.Thread | None = None

    def add(self, callback: Callable[[Alert], object] | str) -> None:
        """Tell this one too. Raises ValueError for a word that is none of the ready-made ones."""
        self._callbacks.append(self._ready_made(callback) if isinstance(callback, str) else callback)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tb_lossdiag lookout", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread, after the look that it may be at."""
        self._closing.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def look(self) -> None:
        """Diagnose what is on disk by now, and tell what has become certain. Each look reads anew, so that nothing piles up."""
        self._flush()
        log = Log(self._directory)
        log.poll()
        run = log.run()
        train = run.series.get(TRAIN_LOSS)
        step = int(train.steps[-1]) if train is not None and len(train) else -1
        if step <= self._seen:
            return
        self._seen = step
        for alert in self._attention.look(diagnose(run), step):
            for callback in self._callbacks:
                tell(callback, alert)

    def _run(self) -> None:
        """Look now and then."""
        try:
            while not self._closing.wait(self._pause()):
                began = time.thread_time()
                self.look()
                self._last = time.thread_time() - began
                self.spent += self._last
        except Exception:
            LOGGER.exception("Diagnosing while training goes on has stopped because of an error; all else goes on.")

    def _pause(self) -> float:
        """Seconds to the next look: within the share, and the farther apart the longer the run."""
        return max(SOONEST, (time.monotonic() - self._began) / SPACING, self._last / self._duty)

    def _ready_made(self, name: str) -> Callable[[Alert], object]:
        known: dict[str, Callable[[Alert], object]] = {"log": log, "raise": self._raise, "stop": self._stop}
        if name in known:
            return known[name]
        if name.startswith(("http://", "https://")):
            return functools.partial(post, name)
        message = (
            f"on_finding takes a function, a webhook's address or one of {', '.join(map(repr, known))}; got {name!r}."
        )
        raise ValueError(message)

    def _stop(self, alert: Alert) -> None:
        if alert.hopeless:
            LOGGER.warning("The training is to stop. %s", alert)
            self.stop = True

    def _raise(self, alert: Alert) -> None:
        if alert.hopeless:
            self.error = HopelessRunError(alert)


def tell(callback: Callable[[Alert], object], alert: Alert) -> None:
    """Call it; what fails in it is its own business."""
    try:
        callback(alert)
    except Exception:
        LOGGER.exception("The callback %r given to on_finding has failed on: %s", callback, alert)


def log(alert: Alert) -> None:
    """Say it as a warning of the logger `tb_lossdiag`."""
    LOGGER.warning("%s", alert)


def post(address: str, alert: Alert) -> None:
    """Send it to a webhook as JSON; chats such as Slack and Mattermost show its `text`."""
    body = {
        "text": str(alert),
        "run": alert.run,
        "step": alert.step,
        "cause": alert.finding.cause,
        "severity": alert.finding.severity,
        "confidence": alert.finding.confidence,
        "summary": alert.finding.summary,
        "verdict": alert.verdict.id,
        "hopeless": alert.hopeless,
    }
    request = urllib.request.Request(  # noqa: S310  (http or https: it was checked)
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=PATIENCE).close()  # noqa: S310

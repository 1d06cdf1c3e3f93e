"""What becomes certain while a run is trained is told once, off the training thread; a hopeless run can be ended early."""

from __future__ import annotations

import http.server
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from reports import finding, report
from torch import nn

from tb_lossdiag import DiagWriter, HopelessRunError, lookout
from tb_lossdiag.lookout import Alert, Attention, Lookout

GRAVE = replace(finding("gradient-not-reset"), confidence=0.97)


def told(*looks: tuple[int, Any]) -> list[tuple[int, str, bool]]:
    attention = Attention()
    alerts = [alert for step, found in looks for alert in attention.look(found, step)]
    return [(each.step, each.finding.cause, each.hopeless) for each in alerts]


def test_a_cause_is_told_once_and_only_when_it_was_seen_for_long_enough() -> None:
    sick, fine = report("r", GRAVE, verdict="learning"), report("r")
    assert told((80, sick), (100, fine), (150, sick), (200, sick)) == []
    assert told((80, sick), (100, sick), (119, sick)) == []
    assert told((80, sick), (120, sick)) == []
    assert told((40, sick), (60, sick), (99, sick)) == []
    assert told((80, sick), (100, sick), (120, sick), (200, sick)) == [(120, "gradient-not-reset", False)]


def test_that_a_run_is_unfinished_is_not_told_while_it_goes_on() -> None:
    sick = report("r", replace(GRAVE, cause="undertrained"), verdict="learning")
    assert told(*((step, sick) for step in range(50, 500, 10))) == []


@pytest.mark.parametrize(
    "change",
    [{"confidence": 0.89}, {"severity": "info"}, {"role": "consequence"}, {"confidence": float("nan")}],
)
def test_what_is_doubtful_a_remark_or_a_consequence_is_not_told(change: dict[str, Any]) -> None:
    sick = report("r", replace(GRAVE, **change), verdict="diverging")
    assert told(*((step, sick) for step in (50, 100, 200, 400))) == []


def test_a_run_is_hopeless_when_its_loss_does_not_fall_and_the_cause_stays_while_it_grows() -> None:
    stuck = report("r", GRAVE, verdict="stuck")
    assert told((40, stuck), (50, stuck), (56, stuck)) == [(56, "gradient-not-reset", True)]
    assert told((40, stuck), (50, stuck), (55, stuck)) == []


@pytest.mark.parametrize(
    "sick",
    [
        report("r", GRAVE, verdict="learning"),
        report("r", replace(GRAVE, severity="warning"), verdict="stuck"),
        report("r", replace(GRAVE, cause="learning-rate-too-low"), verdict="stuck"),
        report("r", replace(GRAVE, role="contributing"), verdict="stuck"),
    ],
    ids=["it learns", "a warning", "only slow", "another comes first"],
)
def test_other_runs_are_never_hopeless(sick: Any) -> None:
    assert not any(hopeless for _, _, hopeless in told(*((step, sick) for step in range(10, 1000, 10))))


def test_a_short_run_is_never_hopeless() -> None:
    stuck = report("r", GRAVE, verdict="diverging")
    assert not any(hopeless for _, _, hopeless in told(*((step, stuck) for step in range(50))))


class Sick:
    """A training without zero_grad, watched, whose lookout looks when the test says so."""

    def __init__(self, folder: Path, *callbacks: Any) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 3))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.02, momentum=0.9)
        self.loss_fn = nn.CrossEntropyLoss()
        self.x = torch.randn(512, 10)
        self.y = self.x[:, :3].argmax(1)
        self.writer = DiagWriter(folder)
        for each in callbacks:
            self.writer.on_finding(each)
        self.writer.watch(self.model, self.optimizer, self.loss_fn)

    def step(self) -> None:
        rows = torch.randint(0, 512, (32,))
        self.loss_fn(self.model(self.x[rows]), self.y[rows]).backward()
        self.optimizer.step()

    def run(self, steps: int = 400) -> int:
        """Train and look now and then; how many steps it came to."""
        found = self.writer._lookout
        assert found is not None
        for i in range(steps):
            if self.writer.should_stop:
                return i
            self.step()
            if i % 20 == 19:
                self.writer.flush()
                found.look()
        return steps


@pytest.fixture
def _at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread does not look by itself."""
    monkeypatch.setattr(lookout, "SOONEST", 3600.0)


@pytest.mark.usefixtures("_at_rest")
def test_a_callback_gets_the_finding_its_step_and_what_to_do(tmp_path: Path) -> None:
    alerts: list[Alert] = []
    sick = Sick(tmp_path / "sick", alerts.append)
    sick.run()
    sick.writer.close()
    causes = [each.finding.cause for each in alerts]
    assert "gradient-not-reset" in causes
    assert len(causes) == len(set(causes))
    first = alerts[causes.index("gradient-not-reset")]
    assert 0 < first.step < 400
    assert str(first).startswith(f"sick, step {first.step}: ")
    assert "Reset the gradients" in str(first)


@pytest.mark.usefixtures("_at_rest")
def test_stop_ends_a_hopeless_run_early_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(tmp_path, "stop")
    assert sick.run() < 400
    sick.writer.close()
    assert any("The training is to stop." in each.getMessage() for each in caplog.records)


@pytest.mark.usefixtures("_at_rest")
def test_raise_raises_in_the_training_before_the_step_that_would_follow(tmp_path: Path) -> None:
    sick = Sick(tmp_path, "raise")
    with pytest.raises(HopelessRunError, match="step") as caught:
        sick.run()
    assert caught.value.alert.hopeless
    assert sick.writer._lookout is not None
    before = [each.detach().clone() for each in sick.model.parameters()]
    assert all(map(torch.equal, before, sick.model.parameters()))
    sick.step()  # once is enough: who catches it may go on
    sick.writer.close()
    assert not sick.optimizer._optimizer_step_pre_hooks


@pytest.mark.usefixtures("_at_rest")
def test_a_callback_that_fails_says_so_and_the_others_are_called(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_alert: Alert) -> None:
        raise KeyError("mine")

    alerts: list[Alert] = []
    sick = Sick(tmp_path, fails, alerts.append, "log")
    sick.run()
    sick.writer.close()
    assert alerts
    assert any("has failed on" in each.getMessage() for each in caplog.records)
    assert any(
        each.levelno == logging.WARNING and "Reset the gradients" in each.getMessage() for each in caplog.records
    )


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("localhost", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/hook", got
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("_at_rest")
def test_a_webhook_gets_the_alert_as_json(tmp_path: Path, webhook: tuple[str, list[dict[str, Any]]]) -> None:
    address, got = webhook
    sick = Sick(tmp_path / "run", address)
    sick.run()
    sick.writer.close()
    first, *_ = [each for each in got if each["cause"] == "gradient-not-reset"]
    assert first["run"] == "run"
    assert "Reset the gradients" in first["text"]
    assert first["severity"] == "error"


def test_the_thread_finds_it_by_itself_and_ends_with_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lookout, "_pause", lambda _: 0.02)
    before = threading.active_count()
    seen = threading.Event()
    names: list[str] = []

    def tell(_alert: Alert) -> None:
        names.append(threading.current_thread().name)
        seen.set()

    sick = Sick(tmp_path, tell)
    for _ in range(5000):
        sick.step()
        if seen.is_set():
            break
        if sick.writer.watches[""].step % 50 == 0:
            seen.wait(0.05)
    assert set(names) == {"tb_lossdiag lookout"}
    sick.writer.close()
    assert sick.writer._lookout is not None
    assert sick.writer._lookout.spent > 0
    assert threading.active_count() == before


def test_the_next_look_waits_until_the_last_one_has_been_paid_for() -> None:
    found = Lookout("nowhere", lambda: None, duty=0.01)
    assert found._pause() == lookout.SOONEST
    found._last = 0.5
    assert found._pause() == 50.0
    found._last, found._began = 0.0, found._began - 600
    assert found._pause() == pytest.approx(60, rel=0.01)


@pytest.mark.usefixtures("_at_rest")
def test_training_is_bit_for_bit_the_same_while_it_is_diagnosed(tmp_path: Path) -> None:
    found = []
    for callbacks in ((), (lambda _: None, "log", "stop")):
        sick = Sick(tmp_path / str(len(callbacks)), *callbacks)
        torch.manual_seed(4)
        for i in range(120):
            sick.step()
            if callbacks and i % 30 == 0:
                sick.writer._lookout.look()  # type: ignore[union-attr]
        sick.writer.close()
        found.append(([*sick.model.parameters()], torch.get_rng_state()))
    (alone, random), (looked, other) = found
    assert all(map(torch.equal, alone, looked))
    assert torch.equal(random, other)


def test_a_word_that_means_nothing_is_refused(tmp_path: Path) -> None:
    with DiagWriter(tmp_path) as writer, pytest.raises(ValueError, match="'log', 'raise', 'stop'; got 'shout'"):
        writer.on_finding("shout")

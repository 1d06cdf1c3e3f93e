"""What may be said on the command line, and the help that teaches it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["FAILING", "UNUSABLE", "parser"]

UNUSABLE = 2  # exit status
LANGUAGES = ("en", "zh")  # as in `translation`, which would import every rule
FORMATS = ("text", "json", "markdown", "html")
DAY = 86400
FAILING: Mapping[str, Sequence[str]] = {"error": ("error",), "warning": ("error", "warning"), "never": ()}

ROLES = {
    "train_loss": "the training loss",
    "val_loss": "the validation loss",
    "test_loss": "the test loss",
    "lr": "the learning rate",
    "grad_norm": "the gradient's norm",
}

DESCRIPTION = (
    "Why does my loss not go down? Root causes, evidence and remedies for training runs logged for TensorBoard."
)
EXAMPLES = """\
examples:
  lossdiag diagnose runs                             every run below runs/
  lossdiag diagnose runs --run '^lr-' --output report.html
  lossdiag compare runs baseline lower-lr            did the fix work?
  lossdiag explain learning-rate-too-high            what it is, and what to do
  lossdiag demo                                      train seven small networks and look at them in TensorBoard

exit status:
  0  nothing found at or above --fail-on (default: error)
  1  something found
  2  the input cannot be used; one line on stderr says why
"""
DIAGNOSE = """\
examples:
  lossdiag diagnose runs
  lossdiag diagnose runs --run 'seed[0-9]$' --format json
  lossdiag diagnose runs --output report.html        one file with pictures; the suffix chooses the format
  lossdiag diagnose runs --fail-on warning           for scripts and CI
  lossdiag diagnose runs --train-loss my/objective   say which tag is the training loss
  lossdiag diagnose runs --watch                     follow live trainings; --format json for one line a finding
  lossdiag diagnose /shared/runs --dask tcp://head:8786

What has not changed since the last call comes from a cache. Ctrl-C shows what is done; the next call goes on from there.

exit status: 0 nothing at or above --fail-on, 1 something, 2 the input cannot be used
"""
COMPARE = """\
The first run is the baseline. Runs are named as `lossdiag diagnose LOGDIR` and TensorBoard name them.

examples:
  lossdiag compare runs baseline lower-lr
  lossdiag compare runs a b c --output comparison.html

exit status: 0 nothing at or above --fail-on in the runs after the baseline, 1 something, 2 the input cannot be used
"""


class _Parser(argparse.ArgumentParser):
    """Answers a wrong command line with one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(UNUSABLE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser(run: Mapping[str, Callable[[argparse.Namespace], int]]) -> argparse.ArgumentParser:
    """The whole command line; `run` says what each command does."""
    top = _Parser(
        prog="lossdiag", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action=_Version, help="show the version and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    diagnose = _command(
        commands, "diagnose", "say what is wrong with the runs of a log directory", DIAGNOSE, run["diagnose"]
    )
    diagnose.add_argument(
        "logdir", metavar="LOGDIR", type=_logdir, help="directory with event files, as for TensorBoard"
    )
    diagnose.add_argument("--run", metavar="REGEX", help="only runs whose name contains a match")
    diagnose.add_argument(
        "--watch", action="store_true", help="follow the directory and print each new finding once; Ctrl-C ends it"
    )
    diagnose.add_argument(
        "--every", metavar="SECONDS", type=_seconds, default=5.0, help="how often --watch looks (default: 5)"
    )
    _add_roles(diagnose)
    _add_reading(diagnose)
    _add_working(diagnose)
    _add_output(diagnose)

    compare = _command(
        commands, "compare", "set runs side by side: what changed, and did it help?", COMPARE, run["compare"]
    )
    compare.add_argument(
        "logdir", metavar="LOGDIR", type=_logdir, help="directory with event files, as for TensorBoard"
    )
    compare.add_argument("baseline", metavar="RUN", help="the baseline")
    compare.add_argument("runs", metavar="RUN", nargs="+", help="runs to compare with it")
    _add_roles(compare)
    _add_reading(compare)
    _add_working(compare)
    _add_output(compare)

    explain = _command(
        commands, "explain", "show the page of a cause", "example:\n  lossdiag explain dead-units\n", run["explain"]
    )
    explain.add_argument("cause", metavar="CAUSE", help="a cause's id; `lossdiag causes` lists them")

    _add_language(explain)

    causes = _command(commands, "causes", "list the causes that can be found", "", run["causes"])
    _add_language(causes)

    demo = _command(
        commands, "demo", "train seven small networks, healthy and sick, and show them in TensorBoard", "", run["demo"]
    )
    demo.add_argument("--logdir", type=Path, default=Path("lossdiag-demo"), help="where to log (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="seed of the trainings (default: %(default)s)")
    demo.add_argument("--train-only", action="store_true", help="train, and start no TensorBoard")
    demo.add_argument("--port", type=_port, help="TensorBoard's port (default: a free one)")
    demo.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    return top


Commands = Any  # argparse keeps the type of what add_subparsers returns to itself


def _command(
    commands: Commands, name: str, help_: str, epilog: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help_,
        description=help_[0].upper() + help_[1:],
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.set_defaults(command=run)
    return added


def _add_language(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lang", choices=LANGUAGES, default="en", help="language of the texts (default: %(default)s)")


def _add_output(command: argparse.ArgumentParser) -> None:
    _add_language(command)
    command.add_argument("--format", choices=FORMATS, help="default: by the suffix of --output, else text")
    command.add_argument("--output", metavar="FILE", type=Path, help="write to FILE instead of standard output")
    command.add_argument(
        "--fail-on",
        choices=tuple(FAILING),
        default="error",
        help="the mildest severity for which the exit status is 1 (default: %(default)s)",
    )


def _add_roles(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "which tag is what",
        "where the names do not tell, or tell wrongly; '' for none. The report says what was taken for what.",
    )
    for role, what in ROLES.items():
        group.add_argument(f"--{role.replace('_', '-')}", metavar="TAG", help=what)


def _add_reading(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--memory", metavar="MB", type=_megabytes, help="most memory for the values that were read (default: 1024)"
    )
    command.add_argument("--follow-links", action="store_true", help="follow symbolic links that lead out of LOGDIR")


def _logdir(text: str) -> Path | str:
    """A directory of this machine, or an address."""
    from tb_lossdiag.reader.remote import is_remote  # noqa: PLC0415

    return text if is_remote(text) else Path(text)


def _add_working(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("how it is done")
    group.add_argument("--jobs", metavar="N", type=_count, help="processes that read (default: one for each core)")
    group.add_argument(
        "--dask", metavar="ADDRESS", help="let the workers of this dask scheduler read: tcp://host:8786 (extra: dask)"
    )
    group.add_argument(
        "--cache",
        metavar="DIR",
        help="where reports are kept between calls, `off` for nowhere "
        "(default: $LOSSDIAG_CACHE, else the system's place for caches)",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < DAY:
        raise argparse.ArgumentTypeError("more than 0, and less than a day")
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def _megabytes(text: str) -> int:
    size = float(text)
    if not 0 < size < 1e9:  # noqa: PLR2004
        raise argparse.ArgumentTypeError("a size in MB is a number above 0")
    return int(size * 1e6)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


class _Version(argparse.Action):
    """`--version`, which looks the version up only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from tb_lossdiag.wire import tool  # noqa: PLC0415

        print(tool())  # noqa: T201
        parser.exit()

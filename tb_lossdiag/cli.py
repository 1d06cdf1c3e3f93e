"""The command: lossdiag diagnose | compare | explain | causes | demo.

Only the standard library is imported here; each command brings in what it needs, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tb_lossdiag.refusal import UnusableError, close_to, listed, shown

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tb_lossdiag.comparison import Comparison
    from tb_lossdiag.reading import Read
    from tb_lossdiag.report import Report
    from tb_lossdiag.translation import Language

__all__ = ["main"]

NOTHING_FOUND, SOMETHING_FOUND, UNUSABLE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141
LANGUAGES = ("en", "zh")  # as in `translation`, which would import every rule
FORMATS = ("text", "json", "markdown", "html")
SUFFIXES = {".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}
DAY = 86400
FILE_WIDTH = 100  # columns of a text report that goes to a file
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? rather than nothing
    try:
        options = parser().parse_args(arguments)
        status: int = options.command(options)
        sys.stdout.flush()
    except UnusableError as problem:
        print(f"lossdiag: {problem}", file=sys.stderr)  # noqa: T201  (the command's own voice)
        return UNUSABLE
    except KeyboardInterrupt:
        print("lossdiag: stopped", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough; Python must not find the closed pipe again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status


# --- what may be said on the command line -------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="lossdiag", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action=_Version, help="show the version and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    diagnose = _command(commands, "diagnose", "say what is wrong with the runs of a log directory", DIAGNOSE, _diagnose)
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

    compare = _command(commands, "compare", "set runs side by side: what changed, and did it help?", COMPARE, _compare)
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
        commands, "explain", "show the page of a cause", "example:\n  lossdiag explain dead-units\n", _explain
    )
    explain.add_argument("cause", metavar="CAUSE", help="a cause's id; `lossdiag causes` lists them")

    _add_language(explain)

    causes = _command(commands, "causes", "list the causes that can be found", "", _causes)
    _add_language(causes)

    demo = _command(
        commands, "demo", "train seven small networks, healthy and sick, and show them in TensorBoard", "", _demo
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


# --- the commands -------------------------------------------------------------------------------------------------


def _diagnose(options: argparse.Namespace) -> int:
    from tb_lossdiag import reading  # noqa: PLC0415
    from tb_lossdiag.comparison import with_references  # noqa: PLC0415

    wanted = _regex(options.run)
    if options.watch:
        return _watch(options, wanted)
    write = _writer(options)
    found = reading.read(options, lambda name: wanted.search(name) is not None)
    if not any(wanted.search(name) for name in found.names):
        raise UnusableError(f"no run matches {options.run!r}; there are {listed(found.names)}")
    reports = [report for name, report in sorted(found.reports.items()) if wanted.search(name)]
    _tell_failed({name: why for name, why in found.failed.items() if wanted.search(name)})
    if not reports:
        raise UnusableError(f"none of the runs below {shown(options.logdir)} could be diagnosed")
    reading.check_roles(reading.roles_of(options), reports)
    write(with_references(reports, found.reports.values()), None)
    if found.left:
        _say(f"stopped after {found.all - found.left:,} of {found.all:,} runs; call it again to go on from there")
        return INTERRUPTED
    return _status(reports, options.fail_on)


def _watch(options: argparse.Namespace, wanted: re.Pattern[str]) -> int:
    from tb_lossdiag.watching import watch  # noqa: PLC0415

    if options.output is not None or options.format not in {None, "text", "json"}:
        raise UnusableError("--watch prints to standard output, as text or as one line of JSON a finding")
    return _status(watch(options, lambda name: wanted.search(name) is not None), options.fail_on)


def _compare(options: argparse.Namespace) -> int:
    from tb_lossdiag import reading  # noqa: PLC0415
    from tb_lossdiag.comparison import compare  # noqa: PLC0415

    write = _writer(options)
    names = (options.baseline, *options.runs)
    found = reading.read(options, set(names).__contains__, whole=True)
    _tell_failed({name: why for name, why in found.failed.items() if why})
    reports = [_named(found, name) for name in names]
    reading.check_roles(reading.roles_of(options), reports)
    write(reports, compare(reports))
    return _status(reports[1:], options.fail_on)


def _explain(options: argparse.Namespace) -> int:
    from tb_lossdiag.export import cause_markdown  # noqa: PLC0415
    from tb_lossdiag.rules import catalogue  # noqa: PLC0415
    from tb_lossdiag.terminal import page_view  # noqa: PLC0415

    wanted = options.cause.strip().lower().replace("_", "-").replace(" ", "-")
    rule = catalogue().get(wanted)
    if rule is None:
        hint = close_to(wanted, list(catalogue())) or "`lossdiag causes` lists them"
        raise UnusableError(f"there is no cause {shown(options.cause)}; {hint}")
    _show(page_view(cause_markdown(rule, options.lang)))
    return NOTHING_FOUND


def _causes(options: argparse.Namespace) -> int:
    from tb_lossdiag.rules import catalogue  # noqa: PLC0415
    from tb_lossdiag.terminal import catalogue_table  # noqa: PLC0415

    _show(catalogue_table(catalogue().values(), options.lang))
    return NOTHING_FOUND


def _demo(options: argparse.Namespace) -> int:
    try:
        from tb_lossdiag.demo import run_demo  # noqa: PLC0415

        return run_demo(
            options.logdir,
            seed=options.seed,
            train_only=options.train_only,
            port=options.port,
            open_browser=not options.no_browser,
        )
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"torch", "sklearn"}:
            raise
        raise UnusableError(f"the demo needs {error.name}: pip install 'tb_lossdiag[demo]'") from error
    except OSError as error:  # not empty, not a directory, no permission, disk full
        raise UnusableError(str(error)) from error


# --- reading ------------------------------------------------------------------------------------------------------


def _named(found: Read, name: str) -> Report:
    if name in found.reports:
        return found.reports[name]
    if found.failed.get(name):
        raise UnusableError(f"the run {shown(name)} could not be diagnosed")
    hint = close_to(name, found.names) or f"there are {listed(found.names)}"
    raise UnusableError(f"there is no run {shown(name)}; {hint}")


def _tell_failed(failed: Mapping[str, str]) -> None:
    """Runs that have no report are mentioned on stderr, and do not keep the others from being shown."""
    for name, why in sorted(failed.items()):
        _say(f"{shown(name)}: {why}")


def _say(sentence: str) -> None:
    print(f"lossdiag: {sentence}", file=sys.stderr)  # noqa: T201  (the command's own voice)


def _regex(text: str | None) -> re.Pattern[str]:
    try:
        return re.compile(text or "")
    except re.error as error:
        raise UnusableError(f"--run {shown(text)} is not a regular expression: {error}") from error


def _status(reports: Sequence[Report], fail_on: str) -> int:
    severities = {finding.severity for report in reports for finding in report.findings}
    return SOMETHING_FOUND if severities.intersection(FAILING[fail_on]) else NOTHING_FOUND


# --- writing ------------------------------------------------------------------------------------------------------


def _writer(options: argparse.Namespace) -> Callable[[Sequence[Report], Comparison | None], None]:
    """What writes reports in the format, to the place, that were asked for; refuses now what would fail after a long read."""
    output: Path | None = options.output
    format_ = options.format or (SUFFIXES.get(output.suffix.lower(), "text") if output is not None else "text")
    if output is not None and (output.is_dir() or not output.resolve().parent.is_dir()):
        why = "it is a directory" if output.is_dir() else "its directory does not exist"
        raise UnusableError(f"cannot write {shown(output)}: {why}")

    def write(reports: Sequence[Report], comparison: Comparison | None) -> None:
        text = _rendered(format_, reports, comparison, options.lang, to_file=output is not None)
        if output is None:
            if format_ != "text" and isinstance(sys.stdout, TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8")  # what other programs read does not depend on the terminal's
            sys.stdout.write(text)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UnusableError(f"cannot write {shown(output)}: {error.strerror}") from error

    return write


def _rendered(
    format_: str, reports: Sequence[Report], comparison: Comparison | None, language: Language, *, to_file: bool
) -> str:
    if format_ == "text":
        return _text(reports, comparison, language, to_file=to_file)
    from tb_lossdiag import export  # noqa: PLC0415

    render = {"json": export.to_json, "markdown": export.to_markdown, "html": export.to_html}[format_]
    try:
        return render(reports, comparison, language)
    except export.PageMissing as error:
        raise UnusableError(str(error)) from error


def _text(reports: Sequence[Report], comparison: Comparison | None, language: Language, *, to_file: bool) -> str:
    from tb_lossdiag import terminal  # noqa: PLC0415

    width, colour = (FILE_WIDTH, False) if to_file else _terminal()
    if comparison is not None:
        view = terminal.comparison_view(comparison, width=width, language=language)
    else:
        view = terminal.reports_view(reports, width=width, language=language)
    return terminal.draw(view, width=width, colour=colour)


def _show(view: RenderableType) -> None:
    from tb_lossdiag.terminal import draw  # noqa: PLC0415

    width, colour = _terminal()
    sys.stdout.write(draw(view, width=width, colour=colour))


def _terminal() -> tuple[int, bool]:
    """Width and colour of standard output; rich knows NO_COLOR, COLUMNS, TERM=dumb and what Windows can do."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(file=sys.stdout)
    return console.width, console.is_terminal and console.color_system is not None and not console.no_color

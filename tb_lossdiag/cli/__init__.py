"""The command: lossdiag diagnose | compare | explain | causes | demo.

Only the standard library is imported here; each command brings in what it needs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from tb_lossdiag.cli.arguments import FAILING, UNUSABLE, parser
from tb_lossdiag.refusal import UnusableError, close_to, listed, shown

if TYPE_CHECKING:
    import argparse

    from rich.console import RenderableType

    from tb_lossdiag.comparison import Comparison
    from tb_lossdiag.reading import Read
    from tb_lossdiag.report import Report
    from tb_lossdiag.translation import Language

__all__ = ["main"]

NOTHING_FOUND, SOMETHING_FOUND, INTERRUPTED, PIPE_CLOSED = 0, 1, 130, 141
SUFFIXES = {".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}
FILE_WIDTH = 100  # columns of a text report that goes to a file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? rather than nothing
    try:
        options = parser(COMMANDS).parse_args(arguments)
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


COMMANDS = {"diagnose": _diagnose, "compare": _compare, "explain": _explain, "causes": _causes, "demo": _demo}


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

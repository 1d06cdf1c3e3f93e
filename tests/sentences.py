"""Every sentence, title and label that the package's sources say to a person, as templates with numbered slots.

Read from the sources themselves, so that rules need not know that they are translated: an f-string is a template whose
expressions are its slots. Code to copy, names of types, format specifications and docstrings are no texts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "tb_lossdiag"
SPEAKERS = (
    "comparison/*.py", "export.py", "finding.py", "overview.py", "plugin.py", "ranking.py", "report.py", "rivals.py",
    "directory.py", "store.py", "terminal/*.py", "verdict.py", "wording.py", "reader/*.py", "rules/*.py", "rules/*/*.py",
    "signals/limits.py",
)  # fmt: skip
SHOWN = {"Bars", "Curve", "Fact", "Finding", "Heatmap", "Histogram", "Line", "Mark", "Remedy", "Table", "rule", "say"}
"""What takes texts as arguments: there a single word is one, too."""
IDS = {"Bars": (3, 5), "Curve": (2, 4), "Fact": (2,), "Heatmap": (4, 5), "Histogram": (3,), "Line": (1,), "Mark": (0,)}
"""Arguments of these, by position, that are ids of units, scales and the like."""
SILENT = {
    "TypeVar", "compile", "debug", "exception", "get", "getLogger", "isinstance", "partial", "section", "warning",
}  # fmt: skip
"""What takes ids and patterns, or speaks to programmers."""
LABELLED = {"export.py", "terminal"}
"""Sources whose own words go through `say`: all else in them is layout."""
CODE = {"code", "log", "unit", "scale", "role", "stage", "severity", "explains", "style", "key"}
WORDS = re.compile(r"[A-Za-z]{2,}")
CODE_LIKE = re.compile(
    r"</?[a-z!]|^[\w.]+\(.*\)|^[\w, ]+ = |^(with|for|assert) |^(not )?(bold|dim)\\b|filename=|%s|^GET|^\$|^#|^\|"
)


def template(node: ast.expr) -> str | None:
    """The text of a string, an f-string or their sum, its expressions as `{0}`, `{1}`, ...; None for anything else."""
    parts = _parts(node)
    if parts is None:
        return None
    slots = iter(range(len(parts)))
    return "".join(part if isinstance(part, str) else f"{{{next(slots)}}}" for part in parts)


def _parts(node: ast.expr) -> list[str | ast.expr] | None:
    match node:
        case ast.Constant(value=str(text)):  # "{}" waits for `format`
            return [part for piece in text.split("{}") for part in (node, piece)][1:]
        case ast.JoinedStr(values=values):
            return [each.value if isinstance(each, ast.Constant) else each for each in values]  # type: ignore[misc]
        case ast.BinOp(left=left, op=ast.Add(), right=right) if _is_text(left) or _is_text(right):
            return [*(_parts(left) or [left]), *(_parts(right) or [right])]
    return None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and template of every text of a source, each once."""
    yield from dict.fromkeys(
        _Texts(not LABELLED.isdisjoint(path.relative_to(PACKAGE).parts)).of(ast.parse(path.read_text(encoding="utf-8")))
    )


class _Texts(ast.NodeVisitor):
    """Walks a source and keeps what a person reads."""

    def __init__(self, only_said: bool) -> None:
        self.found: list[tuple[int, str]] = []
        self.only_said = only_said
        self.shown = False

    def of(self, tree: ast.Module) -> list[tuple[int, str]]:
        self.visit(tree)
        return self.found

    def visit_Expr(self, node: ast.Expr) -> None:  # docstrings
        if not isinstance(node.value, ast.Constant):
            self.visit(node.value)

    def visit_Compare(self, node: ast.Compare) -> None:  # what is compared with is an id
        self.visit(node.left)
        for each in node.comparators:
            if not isinstance(each, (ast.Constant, ast.Set, ast.Tuple)):
                self.visit(each)

    def visit_Subscript(self, node: ast.Subscript) -> None:  # annotations, keys
        self.visit(node.value)
        if isinstance(node.slice, ast.JoinedStr):  # the name of a figure
            self.visit(node.slice)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in (*node.defaults, *node.kw_defaults):
            if default is not None:
                self.visit(default)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in SILENT:
            return
        self.visit(node.func)
        before, self.shown = self.shown, self.shown or name == "say" or (name in SHOWN and not self.only_said)
        for place, argument in enumerate(node.args):
            is_code = name == "Remedy" and place == 1
            if not is_code and place not in IDS.get(name, ()):
                self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg not in CODE:
                self.visit(keyword.value)
        self.shown = before

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                self.visit(target)
        if not any(isinstance(each, ast.Name) and each.id.startswith(("__", "code")) for each in node.targets):
            self.visit(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._keep(node)
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                self.visit(each.value)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        parts = _parts(node)
        self._keep(node)
        for each in (node.left, node.right) if parts is None else parts:
            if isinstance(each, ast.expr):
                self.visit(each.value if isinstance(each, ast.FormattedValue) else each)

    def visit_Constant(self, node: ast.Constant) -> None:
        self._keep(node)

    def _keep(self, node: ast.expr) -> None:
        text = template(node)
        if text is None:
            return
        plain = re.sub(r"\{\d+\}", "", text)
        if WORDS.search(plain) and (self.shown or (" " in text.strip() and not self.only_said)) and not _is_code(text):
            self.found.append((node.lineno, text))


def _is_code(text: str) -> bool:
    """Code to copy, markup, or what the web and the terminal are told."""
    return bool(CODE_LIKE.search(text))

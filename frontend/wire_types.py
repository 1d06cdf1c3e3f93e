# ruff: noqa: INP001  (a script, not a package)
"""Write `src/wire.ts`: the page's types, made from the dataclasses that the server puts on the wire.

    python frontend/wire_types.py            write it
    python frontend/wire_types.py --check    exit 1 where it is stale

Nobody writes a type of the wire by hand, so the page cannot disagree with Python about a name or a null.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tb_lossdiag import evidence, finding, ranking, verdict, wire
from tb_lossdiag.series import Series

TARGET = Path(__file__).parent / "src" / "wire.ts"
DOCUMENTS = (
    wire.RunsDocument,
    wire.ReportDocument,
    wire.LayersDocument,
    wire.ComparisonDocument,
    wire.CauseDocument,
    wire.NamesDocument,
    wire.ErrorDocument,
)
ALIASES = {
    "Evidence": evidence.Evidence,
    "Unit": evidence.Unit,
    "Severity": finding.Severity,
    "Stage": finding.Stage,
    "Role": ranking.Role,
    "VerdictId": verdict.VerdictId,
    "Status": wire.Status,
}
PLAIN = {str: "string", bool: "boolean", int: "number", float: "Num", type(None): "null"}
HEADER = """\
// Made by frontend/wire_types.py from the dataclasses of tb_lossdiag. Do not edit: run `python frontend/wire_types.py`.

/** A number as JSON can carry it: `Number()` understands all four. */
export type Num = number | "NaN" | "Infinity" | "-Infinity";
"""
SERIES = """\
/** One quantity over training, thinned for the wire: `values[i]` was seen at `steps[i]`. */
export interface Series {
  readonly steps: readonly number[];
  readonly values: readonly Num[];
}
"""


class Writer:
    """Collects the declarations that the documents need, each once, in the order in which they are met."""

    def __init__(self) -> None:
        self.declared: dict[str, str] = {}

    def expression(self, annotation: Any) -> str:  # noqa: ANN401  (an annotation may be any object)
        """The TypeScript type for a Python annotation."""
        for name, alias in ALIASES.items():
            if annotation == alias:
                return self.alias(name)
        return self.spelled_out(annotation)

    def alias(self, name: str) -> str:
        """The name of a union that deserves one, declared on first use."""
        if name not in self.declared:
            self.declared[name] = ""  # holds its place, and ends a recursion
            self.declared[name] = f"export type {name} = {self.spelled_out(ALIASES[name])};\n"
        return name

    def spelled_out(self, annotation: Any) -> str:  # noqa: ANN401, PLR0911  (one return for each sort of annotation)
        """The TypeScript type for an annotation that has no name of its own."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if annotation in PLAIN:
            return PLAIN[annotation]
        if origin is Literal:
            return " | ".join(f'"{value}"' for value in arguments)
        if origin in (typing.Union, types.UnionType):
            return self.union(arguments)
        if origin is tuple and Ellipsis not in arguments:
            return f"readonly [{', '.join(self.expression(each) for each in arguments)}]"
        if origin in (tuple, list, Sequence):
            inner = self.expression(arguments[0])
            return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
        if origin in (dict, Mapping):
            return f"Readonly<Record<string, {self.expression(arguments[1])}>>"
        if annotation is Series:
            self.declared["Series"] = SERIES
            return "Series"
        if dataclasses.is_dataclass(annotation):
            return self.interface(annotation)
        message = f"no TypeScript type for {annotation!r}: teach frontend/wire_types.py"
        raise TypeError(message)

    def union(self, members: tuple[Any, ...]) -> str:
        """Members joined by `|`; a union that has a name keeps it when `None` is added to it."""
        present = set(members) - {type(None)}
        for name, alias in ALIASES.items():
            if type(None) in members and present == set(typing.get_args(alias)):
                return f"{self.alias(name)} | null"
        return " | ".join(self.expression(each) for each in members)

    def interface(self, cls: Any) -> str:  # noqa: ANN401
        """The name of a dataclass's interface, declared on first use."""
        name: str = cls.__name__
        if name not in self.declared:
            self.declared[name] = ""
            hints = typing.get_type_hints(cls)
            lines = [f'  readonly kind: "{name}";'] if name in wire.EVIDENCE_KINDS else []
            lines += [
                f"  readonly {each.name}: {self.expression(hints[each.name])};" for each in dataclasses.fields(cls)
            ]
            summary = (inspect.getdoc(cls) or "").partition("\n")[0]
            self.declared[name] = f"/** {summary} */\nexport interface {name} {{\n" + "\n".join(lines) + "\n}\n"
        return name


def wire_types() -> str:
    """The whole text of `wire.ts`."""
    writer = Writer()
    for document in DOCUMENTS:
        writer.interface(document)
    return "\n".join([HEADER, *writer.declared.values()])


def main() -> int:
    """Write the file, or with `--check` only say whether it is stale."""
    text = wire_types()
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            print("frontend/src/wire.ts is stale: run `python frontend/wire_types.py`", file=sys.stderr)  # noqa: T201
            return 1
        return 0
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

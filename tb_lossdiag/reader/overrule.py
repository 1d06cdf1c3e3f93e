"""The user's own word on which tag is what, over what the names suggest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tb_lossdiag.reader.lines import raw_series
from tb_lossdiag.series import Run
from tb_lossdiag.tags import CHOOSABLE

__all__ = ["checked_roles", "overruled"]


def checked_roles(roles: Mapping[str, str]) -> dict[str, str]:
    """`roles` as they were given. Raises ValueError for a role that cannot be chosen, saying which can."""
    unknown = [role for role in roles if role not in CHOOSABLE]
    if unknown:
        raise ValueError(f"there is no role {unknown[0]!r}: roles are {', '.join(CHOOSABLE)}")
    return dict(roles)


def overruled(run: Run, roles: Mapping[str, str]) -> Run:
    """`run` with the chosen tags in their roles (`{"train_loss": "my/tag"}`); an empty tag leaves the role to nobody.

    A tag that the run does not hold changes nothing, and the run says so. What was taken over from another run is named by
    its tag alone, or as the report names it.
    """
    raw = raw_series(run)
    by_tag = {**{tag.partition(" of the run ")[0]: tag for tag in raw}, **{tag: tag for tag in raw}}
    sources, warnings = dict(run.sources), list(run.warnings)
    changed = False
    for choice, wanted in roles.items():
        role = CHOOSABLE[choice]
        if wanted and wanted not in by_tag:
            said = sources.get(role)
            instead = (
                f"{said} was taken for the {_words(choice)}" if said else f"nothing was taken for the {_words(choice)}"
            )
            warnings.append(f"There is no tag {wanted} in this run: {instead}.")
            continue
        changed = True
        sources.pop(role, None)
        if wanted:
            tag = by_tag[wanted]
            sources = {other: each for other, each in sources.items() if each != tag}
            sources[role] = tag
    if not changed:
        return replace(run, warnings=warnings)
    for tag in raw.keys() & set(CHOOSABLE.values()) - set(sources.values()):
        sources[f"{tag} (as logged)"] = tag  # called like the role that it has lost
    roles_of = {tag: role for role, tag in sources.items()}
    series = {roles_of.get(tag, tag): each for tag, each in raw.items()}
    series |= {role: run.series[role] for role, tag in sources.items() if tag not in raw}  # sums of several tags
    return replace(run, series=series, sources=sources, warnings=warnings)


def _words(choice: str) -> str:
    return {"lr": "learning rate", "grad_norm": "gradient norm"}.get(choice, choice.replace("_", " "))

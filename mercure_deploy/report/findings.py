"""One finding as text and as a row of JSON, how many there are, a moment; returns strings, prints nothing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from mercure_deploy.errors import many
from mercure_deploy.findings import Finding

if TYPE_CHECKING:
    from datetime import datetime

    from mercure_deploy.push import Remote


def stamp(moment: "datetime") -> str:
    """UTC in the form of RFC 3339, whole seconds."""
    from mercure_deploy import keys  # noqa: PLC0415 - only where keys are spoken of

    return keys.stamp(moment)


def finding_text(finding: Finding, *, more: bool = False) -> Iterator[str]:
    """One finding, two lines, and with `more` where there is more about it."""
    place = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part is not None)
    head = f"{place}: " if place else ""
    yield f"{head}{finding.level}: {finding.what} [{finding.id}]"
    yield f"  hint: {finding.hint}"
    if more:
        yield f"  more: mercure-deploy explain {finding.id}"


def finding_row(finding: Finding) -> dict[str, str | int | None]:
    """One finding as JSON."""
    return {
        "id": finding.id,
        "level": finding.level,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "message": finding.what,
        "hint": finding.hint,
    }


def counted(findings: Iterable[Finding]) -> str:
    """How many there are of each level, in words."""
    errors, warnings = counts(findings)
    return f"{many(errors, 'error')}, {many(warnings, 'warning')}"


def counts(findings: Iterable[Finding]) -> tuple[int, int]:
    """How many of them are errors, and how many warnings."""
    levels = [finding.level for finding in findings]
    return levels.count("error"), levels.count("warning")


def remote_row(there: "Mapping[str, Remote]", name: str) -> "dict[str, Remote | None]":
    """What Coolify has of an environment; null for one that does not say where it is."""
    return {"remote": there.get(name)} if there else {}

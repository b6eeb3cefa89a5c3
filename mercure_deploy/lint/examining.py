"""From texts to setups, and from a setup to findings in the order of the files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mercure_deploy.errors import printable
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Finding, Place
from mercure_deploy.lint.play import Step, play
from mercure_deploy.lint.rules import RULES
from mercure_deploy.readers.assembling import assemble, groups, texts
from mercure_deploy.readers.setup import Setup
from mercure_deploy.readers.text import Text

# a sentence; what a file calls its services is not to fill a screen
_LONGEST = 500


@dataclass(frozen=True)
class Told:
    """What no file says: origins of pages, the hub's origin and version, what git tracks, the time (Unix)."""

    pages: tuple[Origin, ...] = ()
    hub: Origin | None = None
    version: str | None = None
    tracked: frozenset[str] = frozenset()
    now: float | None = None


@dataclass(frozen=True)
class Examined:
    """(path, kind) of each file that was understood, what was found, and the play of each setup among them."""

    files: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    play: tuple[Step, ...] = ()


def examine(files: Sequence[tuple[str, str]], told: Told, named: Callable[[str], bool]) -> Examined:
    """What is wrong in these files, (path, text); `named` tells those that were asked for by name."""
    known = texts(files, named)
    played = [_examined(group, told) for group in groups(known)]
    findings = [finding for _, found in played for finding in found]
    steps = tuple(step for setup, found in played for step in play(setup, found))
    order = {each.path: number for number, each in enumerate(known)}
    findings.sort(key=lambda finding: (*_where(finding, order), finding.id))
    said = tuple(dict.fromkeys(map(_harmless, findings)))
    return Examined(tuple((each.path, each.kind) for each in known), said, steps)


def _examined(group: Sequence[Text], told: Told) -> tuple[Setup, list[Finding]]:
    setup = Setup(pages=list(told.pages), told_hub=told.hub, version=told.version, tracked=told.tracked, now=told.now)
    assemble(setup, group)
    findings = [*setup.findings, *(finding for rule in RULES for finding in rule(setup))]
    assumed = setup.assumed
    return setup, [
        _doubtful(finding) if finding.place in assumed and finding.level == "error" else finding for finding in findings
    ]


def _where(finding: Finding, order: Mapping[str, int]) -> tuple[int, Place]:
    """Its file's number, and its place there; what the command line said is last."""
    place = finding.place or Place("", 0, 0)
    return order.get(place.file, len(order)), place


def _doubtful(finding: Finding) -> Finding:
    """What is found in a default, which the environment of the one who starts it may replace."""
    return replace(finding, level="warning", what=f"{finding.what} (a default, for when its variable is not set)")


def _harmless(finding: Finding) -> Finding:
    """The same, for a terminal: what a file says in it is cut and shows no control characters."""
    return replace(finding, what=printable(finding.what, _LONGEST), hint=printable(finding.hint, _LONGEST))

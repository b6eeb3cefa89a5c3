"""From texts to setups, and from a setup to findings in the order of the files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mercure_deploy.errors import printable
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Finding
from mercure_deploy.lint.play import Step, play
from mercure_deploy.lint.rules import RULES
from mercure_deploy.readers.assembling import Text, assemble, groups, texts
from mercure_deploy.readers.places import Place, Slip
from mercure_deploy.readers.setup import Setup

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
    played = [_slips(group, told) for group in groups(known)]
    slips = [slip for _, found in played for slip in found]
    steps = tuple(step for setup, found in played for step in play(setup, found))
    order = {each.path: number for number, each in enumerate(known)}
    slips.sort(key=lambda slip: (order.get(slip.place.file, len(order)), slip.place, slip.id))
    findings = tuple(dict.fromkeys(map(_finding, slips)))
    return Examined(tuple((each.path, each.kind) for each in known), findings, steps)


def _slips(group: Sequence[Text], told: Told) -> tuple[Setup, list[Slip]]:
    setup = Setup(pages=list(told.pages), told_hub=told.hub, version=told.version, tracked=told.tracked, now=told.now)
    assemble(setup, group)
    slips = [*setup.slips, *(slip for rule in RULES for slip in rule(setup))]
    assumed = setup.assumed
    return setup, [_doubtful(slip) if slip.place in assumed and slip.level == "error" else slip for slip in slips]


def _doubtful(slip: Slip) -> Slip:
    """What is found in a default, which the environment of the one who starts it may replace."""
    return replace(slip, level="warning", what=f"{slip.what} (a default, for when its variable is not set)")


def _finding(slip: Slip) -> Finding:
    # what was told on the command line has no place in a file
    where: Place | None = slip.place if slip.place.file else None
    place = (where.file, where.line, where.column) if where else (None, None, None)
    return Finding(slip.id, slip.level, printable(slip.what, _LONGEST), printable(slip.hint, _LONGEST), *place)

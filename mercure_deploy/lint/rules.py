"""The list of rules: each a function over the facts of a setup, under the id of what it finds."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import NamedTuple

from mercure_deploy.findings import Finding, Level, Place
from mercure_deploy.readers.setup import Setup

Rule = Callable[[Setup], Iterator[Finding]]
RULES: list[Rule] = []


class Found(NamedTuple):
    """A finding of the rule that yields it: where, what is wrong there, and what to do."""

    place: Place
    what: str
    hint: str
    level: Level = "error"


def rule(id_: str) -> Callable[[Callable[[Setup], Iterator[Found | Finding]]], Rule]:
    """Add a rule that finds `id_`. It yields `Found`, or what a helper of several rules made a `Finding` of already."""

    def decorate(function: Callable[[Setup], Iterator[Found | Finding]]) -> Rule:
        @wraps(function)
        def run(setup: Setup) -> Iterator[Finding]:
            for each in function(setup):
                if isinstance(each, Found):
                    yield Finding(id_, each.level, each.what, each.hint, each.place)
                else:
                    yield each

        RULES.append(run)
        return run

    return decorate

"""The list of rules: each a function over the facts of a setup, named after its id."""

from collections.abc import Callable, Iterator

from mercure_deploy.readers.places import Slip
from mercure_deploy.readers.setup import Setup

Rule = Callable[[Setup], Iterator[Slip]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Add a rule; its name, with dashes, is the id of what it finds."""
    RULES.append(function)
    return function

"""How much what is written in a file may stand for: references and aliases multiply, and a few lines are gigabytes."""

from dataclasses import dataclass, field

from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Value

# characters that one value may stand for: a key, a PEM, a list of origins are far below
VALUE = 64 * 1024
# characters that all values of a file together may stand for
WHOLE = 8 * 1024 * 1024
# how deep a default may hold another
DEEPEST = 20
# variables of all services of a file together, those that come through aliases counted each time
ITEMS = 20_000


@dataclass
class Budget:
    """What is left for the references of one file; `beyond` are the values that would stand for too much."""

    left: int = WHOLE
    items: int = ITEMS
    beyond: dict[Place, None] = field(default_factory=dict)

    def spend(self, characters: int) -> bool:
        """Whether so many characters more are within the bound; they count only then."""
        if characters > self.left:
            return False
        self.left -= characters
        return True

    def take(self, number: int) -> bool:
        """Whether so many variables more are within the bound."""
        self.items -= number
        return self.items >= 0

    def findings(self) -> list[Finding]:
        """What is to be said of the first value that was beyond, none where all were within."""
        what = "what its references stand for is beyond all bounds: they are not filled in"
        hint = "write the value itself"
        return [Finding("key-quoting", "error", what, hint, place) for place in list(self.beyond)[:1]]


class Filled:
    """One value that is being filled in, piece by piece, within the bounds of its file."""

    def __init__(self, budget: Budget, place: Place) -> None:
        self._budget, self.place, self._length = budget, place, 0

    def add(self, value: Value, otherwise: str) -> str:
        """The text that a reference stands for, or the reference as it is written where that would be too much."""
        text = value.text
        if (
            value.place not in self._budget.beyond
            and self._length + len(text) <= VALUE
            and self._budget.spend(len(text))
        ):
            self._length += len(text)
            return text
        return self.refuse(otherwise)

    def refuse(self, otherwise: str) -> str:
        """The reference as it is written, as what it stands for is beyond the bounds."""
        self._budget.beyond[self.place] = None
        return otherwise

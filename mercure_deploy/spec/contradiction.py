"""One thing that is at odds within a spec: a value."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mercure_deploy.findings import Level
from mercure_deploy.spec.models import Environment

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Contradiction:
    """`path` leads to the word of the spec that is at odds; `id` is a finding id, None where none fits."""

    path: Path
    what: str
    id: str | None
    hint: str | None = None
    level: Level = "error"


Rule = Callable[[Environment], Iterator[Contradiction]]

"""What a push is to do and did, as values: for people line by line, for programs as rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from mercure_deploy.coolify.difference import HUB, Change, Wanted
from mercure_deploy.coolify.values import Instance, Place
from mercure_deploy.hub.fetch import Way
from mercure_deploy.probes.engine import Seen
from mercure_deploy.targets import Deployment


@dataclass(frozen=True)
class Wish:
    """Which sides are meant, and whether they are deployed."""

    hub: bool = True
    apps: bool = True
    deploy: bool = True


@dataclass(frozen=True)
class Where:
    """An environment with its ring, and how Coolify and the live hub are reached.

    `running` asks the live hub which render it is, None where nothing of ours answers.
    """

    place: Place
    d: Deployment
    wanted: Wanted
    way: Way
    now: Callable[[], datetime]
    running: Callable[[], str | None]


@dataclass(frozen=True)
class Plan:
    """What is there, what is to be changed, and what is to be deployed: the hub, and apps by name."""

    instance: Instance
    changes: Sequence[Change]
    hub: bool
    apps: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.changes or self.hub or self.apps)

    @property
    def both_keys(self) -> bool:
        """Whether hub and apps get another key at once, as after rotate-keys --now: none waits for the other then."""
        said = {each.target == HUB for each in self.changes if each.lines[0].startswith(f"- {each.key}=<key ")}
        return len(said) > 1


class Remote(TypedDict):
    """What Coolify has: each side `same`, `different`, `pending`, `absent` or `unknown`; `drift` are lines that differ.

    Pending is what is stored and was not started, or not proved.
    """

    hub: str
    apps: dict[str, str]
    drift: list[str]


@dataclass
class Done:
    """What was deployed, and whether the live hub showed it: None where it was not asked.

    `written` is whether all that was different is stored in Coolify.
    """

    deployed: list[str] = field(default_factory=list)
    proved: bool | None = None
    failed: str | None = None
    seen: list[Seen] = field(default_factory=list)
    written: bool = False


def lines(planned: Plan) -> list[str]:
    """What is different, line by line, and what will be deployed."""
    said = [f"{each.target}: {line}" for each in planned.changes for line in each.lines]
    deployed = [*([HUB] if planned.hub else []), *planned.apps]
    return [*said, f"to deploy: {', '.join(deployed)}"] if deployed else said


def row(planned: Plan, done: Done | None) -> Mapping[str, object]:
    """The same for a program."""
    return {
        "changes": [
            {"target": each.target, "kind": each.kind, "name": each.key or None, "lines": list(each.lines)}
            for each in planned.changes
        ],
        "to_deploy": [*([HUB] if planned.hub else []), *planned.apps],
        "deployed": done.deployed if done else [],
        "proved": done.proved if done else None,
        "failed": done.failed if done else None,
    }


def behind(remote: Remote) -> bool:
    """Whether something there is not as the files say, or does not run yet."""
    return bool(remote["drift"]) or "pending" in {remote["hub"], *remote["apps"].values()}


def state(planned: Plan, names: Iterable[str]) -> Remote:
    """What `status --remote` and `check --remote` say of an environment."""
    changed = {each.target for each in planned.changes}
    pending = {*([HUB] if planned.hub else []), *planned.apps}

    def one(name: str) -> str:
        return "different" if name in changed else "pending" if name in pending else "same"

    return {
        "hub": "absent" if planned.instance.service is None else one(HUB),
        "apps": {name: one(name) if name in planned.instance.apps else "unknown" for name in names},
        "drift": [f"{each.target}: {line}" for each in planned.changes for line in each.lines],
    }

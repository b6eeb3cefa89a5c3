"""`status`: where the keys of an environment stand, what comes next, and whether its files are in line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mercure_deploy.findings import Drift
from mercure_deploy.keys import Key
from mercure_deploy.targets import Deployment


@dataclass(frozen=True)
class Rotation:
    """An open rotation: `since` when it reached its state, `not_before` the earliest moment of the next step.

    `aborting` is whether it is being taken back, `apps_deployed` when the last app went out, where that is known.
    """

    state: Literal["staged", "promoted"]
    since: datetime
    next: Literal["promote", "retire"]
    not_before: datetime | None
    aborting: bool = False
    apps_deployed: datetime | None = None


@dataclass(frozen=True)
class Status:
    """`keys` in the order in which they were created; none for an environment that was never rendered.

    `upgrading` is a hub 1.0 that accepts the tokens of 0.x apps too, until the last app speaks 1.0. `compared` is
    whether the secret files were compared: not where the ring is not here. `strays` is whether nothing differs but
    files that are no longer rendered. `old` is whether the key is older than `max_age`.
    """

    keys: tuple[Key, ...]
    rotation: Rotation | None
    drift: bool
    upgrading: bool
    compared: bool = True
    strays: bool = False
    old: bool = False


def status(d: Deployment, now: datetime, drift: Sequence[Drift], *, born: bool) -> Status:
    """The status of one environment; `born` is whether it has keys at all, `drift` how its files differ."""
    return Status(
        d.ring.keys if born else (),
        rotation(d) if born else None,
        bool(drift),
        d.env.hub.legacy_clients,
        compared=not born or d.ring.complete,
        strays=bool(drift) and all(each.change == "orphan" for each in drift),
        old=born and now - d.ring.current.created > d.env.keys.max_age,
    )


def rotation(d: Deployment) -> Rotation | None:
    """The open rotation, None in the steady state."""
    staged, retiring = d.ring.in_state("staged"), d.ring.in_state("retiring")
    if staged:
        return Rotation("staged", staged.since, "promote", None)
    if retiring:
        # the apps went out after that moment, not before it
        until = (d.ring.apps_deployed or retiring.since) + d.env.keys.token_lifetime
        return Rotation("promoted", retiring.since, "retire", until, d.ring.aborting, d.ring.apps_deployed)
    return None

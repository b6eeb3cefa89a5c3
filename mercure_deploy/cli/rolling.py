"""`rotate-keys --push`: each step written, deployed and proved by Coolify's API; what was begun is gone on with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Never

from mercure_deploy.cli.common import NO, OK, note, now, out, waiting
from mercure_deploy.cli.pushing import Way, carried_out, connected, said_of
from mercure_deploy.errors import Trouble
from mercure_deploy.keys import KeyRing, stamp

if TYPE_CHECKING:
    from mercure_deploy.rotation import Rotation
    from mercure_deploy.spec import Loaded
    from mercure_deploy.targets import Deployment


@dataclass(frozen=True)
class Turn:
    """What is asked for: begin only when the key is older than `older`; `sure` is asked before a new key is made."""

    way: Way
    abort: bool
    older: timedelta | None
    sure: Callable[[], bool]
    prove: "Callable[[Deployment], None]"


def roll(loaded: "Loaded", name: str, root: Path, turn: Turn) -> int:
    """Go on with what is open, or take the next step; the exit code."""
    from mercure_deploy import rotation

    where = rotation.Rotation(loaded.spec, name, root, waiting)
    if _killed(where):
        # its ring was written, and its files were not
        rotation.take(where, now(), rotation.Said(), turn.prove, _nobody)
    ring = _ring(where)
    pending = None if turn.abort else _push(loaded, name, root, turn, ring)
    if pending is not None:
        code = _after(where, pending, ring)
        if code == OK:
            note(f"{name}: that finished the step before; the same command takes the next one, when it may")
        return code
    if len(ring.keys) == 1 and not turn.abort:
        age = now() - ring.current.created
        if turn.older is not None and age <= turn.older:
            out([f"{name}: nothing to do, the key is {age.days} days old"])
            return OK
        if not turn.sure():
            return NO
    if ring.in_state("retiring") and not turn.abort and ring.apps_deployed is None:
        return _known(where, ring)
    said = rotation.Said(turn.abort, at=ring.apps_deployed if ring.in_state("retiring") and not turn.abort else None)
    step = rotation.take(where, now(), said, turn.prove, _nobody)
    out([f"{change} {path}" for path, change in step.changes if change != "unchanged"], done=True)
    ring = _ring(where)
    pushed = _push(loaded, name, root, replace(turn, sure=lambda: True), ring)
    return _after(where, OK if pushed is None else pushed, ring)


def _ring(where: "Rotation") -> KeyRing:
    from mercure_deploy import disk
    from mercure_deploy.root import known

    with disk.lock(where.root, shared=True, waiting=waiting):
        ring = known(where.root, where.name).secret()
    if ring is None:
        raise Trouble(f"{where.name} has no key yet", hint=f"render {where.name} makes one")
    return ring


def _killed(where: "Rotation") -> bool:
    """Whether a step ended between its ring and its files: the next one begins with finishing it."""
    from mercure_deploy import disk
    from mercure_deploy.keys import public_view
    from mercure_deploy.root import known

    with disk.lock(where.root, shared=True, waiting=waiting):
        found = known(where.root, where.name)
        ring = found.secret()
    return ring is not None and found.public is not None and public_view(found.public) != public_view(ring)


def _push(loaded: "Loaded", name: str, root: Path, turn: Turn, ring: KeyRing) -> int | None:
    """What of a step is not in Coolify yet, or not deployed: pushed; None where there is nothing.

    In the steady state only keys are a matter of a rotation; what else is different is somebody's business.
    """
    from mercure_deploy import push as pushing

    with connected(loaded, name, root, turn.way, exclusive=True) as where:
        wish = pushing.Wish()
        planned = pushing.plan(where, wish)
        keys = any("<key " in line for change in planned.changes for line in change.lines)
        if planned.nothing or (len(ring.keys) == 1 and planned.changes and not keys):
            return None
        if planned.instance.service is None:
            hint = f"mercure-deploy push {name}, once; after that the rotation goes by itself"
            raise Trouble(f"{name}: the hub has no Service in Coolify yet", hint=hint)
        if not turn.sure():
            raise Trouble("nothing was written", code=NO)
        pushing.able(where)
        done = carried_out(where, planned, wish)
    return said_of(where, planned, done, "text")


def _after(where: "Rotation", code: int, ring: KeyRing) -> int:
    """Keep in the ring that the apps are out, once they are."""
    if code == OK and ring.in_state("retiring") and ring.apps_deployed is None and _all_pushed(where):
        from mercure_deploy import rotation

        rotation.apps_out(where, now())
        _come_back(where, now() + where.env.keys.token_lifetime)
    return code


def _known(where: "Rotation", ring: KeyRing) -> int:
    """The apps are out, and nobody kept when: from now on they are."""
    if not _all_pushed(where):
        names = ", ".join(sorted(set(where.env.apps) - set(where.env.coolify.apps if where.env.coolify else ())))
        hint = f"rotate-keys {where.name} --deployed-at TIME, when they are out"
        raise Trouble(f"push does not deploy {names}, so nobody knows when they went out", hint=hint)
    _after(where, OK, ring)
    return NO


def _all_pushed(where: "Rotation") -> bool:
    return where.env.coolify is not None and set(where.env.apps) <= set(where.env.coolify.apps)


def _come_back(where: "Rotation", at: datetime) -> None:
    note(f"{where.name}: the old key may go at {stamp(at)}; the same command does that then")


def _nobody() -> Never:
    raise Trouble("when the apps were deployed is not known", hint="--deployed-at TIME, or --deployed")

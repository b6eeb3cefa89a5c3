"""`rotate-keys --push`: each step written, deployed and proved by Coolify's API; what was begun is gone on with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Never

from mercure_deploy import disk
from mercure_deploy.errors import Trouble
from mercure_deploy.keys import KeyRing, public_view, stamp
from mercure_deploy.output import known
from mercure_deploy.rotation import steps
from mercure_deploy.rotation.steps import Rotation
from mercure_deploy.targets import Deployment

OK, NO = 0, 1


@dataclass(frozen=True)
class Turn:
    """What is asked for: begin only when the key is older than `older`; `sure` is asked before a new key is made.

    `push` brings to Coolify what of the ring is not there yet: its exit code, None where there is nothing; it is told
    who is asked before something is written. `say` prints lines of what was done, `note` one that is no result.
    """

    abort: bool
    older: timedelta | None
    sure: Callable[[], bool]
    prove: Callable[[Deployment], None]
    push: Callable[[KeyRing, Callable[[], bool]], int | None]
    now: Callable[[], datetime]
    say: Callable[[Sequence[str]], None]
    note: Callable[[str], None]


def roll(where: Rotation, turn: Turn) -> int:
    """Go on with what is open, or take the next step; the exit code: 0 done, 1 not yet."""
    if _killed(where):
        # its ring was written, and its files were not
        steps.take(where, turn.now(), steps.Said(), turn.prove, _nobody)
    ring = _ring(where)
    pending = None if turn.abort else turn.push(ring, turn.sure)
    if pending is not None:
        code = _after(where, turn, pending, ring)
        if code == OK:
            turn.note(f"{where.name}: that finished the step before; the same command takes the next one, when it may")
        return code
    if len(ring.keys) == 1 and not turn.abort:
        age = turn.now() - ring.current.created
        if turn.older is not None and age <= turn.older:
            turn.say([f"{where.name}: nothing to do, the key is {age.days} days old"])
            return OK
        if not turn.sure():
            return NO
    if ring.in_state("retiring") and not turn.abort and ring.apps_deployed is None:
        return _known(where, turn, ring)
    said = steps.Said(turn.abort, at=ring.apps_deployed if ring.in_state("retiring") and not turn.abort else None)
    step = steps.take(where, turn.now(), said, turn.prove, _nobody)
    turn.say([f"{change} {path}" for path, change in step.changes if change != "unchanged"])
    ring = _ring(where)
    pushed = turn.push(ring, lambda: True)
    return _after(where, turn, OK if pushed is None else pushed, ring)


def _ring(where: Rotation) -> KeyRing:
    with disk.lock(where.root, shared=True, waiting=where.waiting):
        ring = known(where.root, where.name).secret()
    if ring is None:
        raise Trouble(f"{where.name} has no key yet", hint=f"render {where.name} makes one")
    return ring


def _killed(where: Rotation) -> bool:
    """Whether a step ended between its ring and its files: the next one begins with finishing it."""
    with disk.lock(where.root, shared=True, waiting=where.waiting):
        found = known(where.root, where.name)
        ring = found.secret()
    return ring is not None and found.public is not None and public_view(found.public) != public_view(ring)


def _after(where: Rotation, turn: Turn, code: int, ring: KeyRing) -> int:
    """Keep in the ring that the apps are out, once they are."""
    if code == OK and ring.in_state("retiring") and ring.apps_deployed is None and _all_pushed(where):
        steps.apps_out(where, turn.now())
        _come_back(where, turn, turn.now() + where.env.keys.token_lifetime)
    return code


def _known(where: Rotation, turn: Turn, ring: KeyRing) -> int:
    """The apps are out, and nobody kept when: from now on they are."""
    if not _all_pushed(where):
        names = ", ".join(sorted(set(where.env.apps) - set(where.env.coolify.apps if where.env.coolify else ())))
        hint = f"rotate-keys {where.name} --deployed-at TIME, when they are out"
        raise Trouble(f"push does not deploy {names}, so nobody knows when they went out", hint=hint)
    _after(where, turn, OK, ring)
    return NO


def _all_pushed(where: Rotation) -> bool:
    return where.env.coolify is not None and set(where.env.apps) <= set(where.env.coolify.apps)


def _come_back(where: Rotation, turn: Turn, at: datetime) -> None:
    turn.note(f"{where.name}: the old key may go at {stamp(at)}; the same command does that then")


def _nobody() -> Never:
    raise Trouble("when the apps were deployed is not known", hint="--deployed-at TIME, or --deployed")

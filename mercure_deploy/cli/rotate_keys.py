"""`rotate-keys`: what the user says, and how a live hub is asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import click

from mercure_deploy.cli.options import common, environments, reaching, replacing, via_of, way_to
from mercure_deploy.cli.spec import loaded_spec, root_of, select, show
from mercure_deploy.cli.terminal import NO, OK, can_ask, err, note, now, out, sure, waiting, watched
from mercure_deploy.errors import Trouble, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mercure_deploy.cli.push import Way
    from mercure_deploy.keys import KeyRing
    from mercure_deploy.rotation import Rotation
    from mercure_deploy.spec import Loaded
    from mercure_deploy.targets import Deployment


_OLDER = "With --push: a new key only when this one is older; default: max_age."


@click.command("rotate-keys")
@click.argument("name", metavar="ENV", shell_complete=environments)
@click.option("--now", "at_once", is_flag=True, help="One fresh key replaces all: for a leaked or a lost key.")
@click.option("--abort", is_flag=True, help="Take the open rotation back.")
@click.option("--deployed", is_flag=True, help="The files of the last step are deployed; nobody is asked.")
@click.option("--deployed-at", "at", metavar="TIME", help="When the last app went out: now, 14:30, 2026-11-24T12:00Z.")
@reaching()
@click.option("--push", "pushed", is_flag=True, help="Deploy the step by Coolify's API, prove it, and go on with it.")
@click.option("--if-older", "older", is_flag=False, flag_value="", metavar="[TIME]", help=_OLDER)
@click.option("--token-file", metavar="FILE", help="With --push: the API token, instead of COOLIFY_TOKEN.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@replacing
@common(several=False)
def rotate_keys(  # noqa: PLR0913 - each is an option of the command
    *,
    name: str,
    at_once: bool,
    abort: bool,
    deployed: bool,
    at: str | None,
    via: str | None,
    cacert: str | None,
    pushed: bool,
    older: str | None,
    token_file: str | None,
    yes: bool,
    replace: bool,
    spec: str,
    output: str | None,
) -> int:
    """Take the next safe step of a key rotation, and say what to deploy."""
    from mercure_deploy import rotation

    loaded = loaded_spec(spec)
    select(loaded, [name])
    where = rotation.Rotation(loaded.spec, name, root_of(spec, output), waiting, replace)
    rotation.refuse_foreign(where)
    _fitting(pushed=pushed, with_push=bool(token_file) or older is not None, without=deployed or bool(at) or replace)
    if pushed and not at_once:
        turn = _turn(where, Turned(token_file, via, cacert, older), abort=abort, yes=yes)
        return turn(loaded)
    if at_once:
        if abort or deployed or at or ((via or cacert) and not pushed):
            raise click.UsageError("--now goes with no other step", click.get_current_context())
        if not _sure(yes=yes):
            return NO
        step = rotation.now(where, now())
    else:
        said = rotation.Said(abort, deployed, _moment(at, now()) if at else None)
        step = rotation.take(where, now(), said, _prove(via, cacert), _ask)
    show(step.changes, where.root, [] if pushed else [f"next: {line}" for line in step.next])
    return _push_all(where, Turned(token_file, via, cacert, older), loaded) if pushed else OK


class Turned(NamedTuple):
    """How Coolify and the hub are reached, and how old a key has to be for a new one."""

    token_file: str | None
    via: str | None
    cacert: str | None
    older: str | None


def _fitting(*, pushed: bool, with_push: bool, without: bool) -> None:
    if with_push and not pushed:
        raise click.UsageError("--if-older and --token-file go with --push", click.get_current_context())
    if pushed and without:
        what = "--push knows when the apps are out, and replaces no file: leave the other options out"
        raise click.UsageError(what, click.get_current_context())


def _turn(where: Rotation, said: Turned, *, abort: bool, yes: bool) -> Callable[[Loaded], int]:
    from mercure_deploy.cli.push import Way
    from mercure_deploy.rotation import unattended
    from mercure_deploy.spec.fields import duration

    try:
        older = None if said.older is None else duration(said.older) if said.older else where.env.keys.max_age
    except ValueError as error:
        raise Trouble(f"--if-older {error}", hint="as in --if-older 90d") from None
    way = Way(said.token_file, said.via, said.cacert)

    def turned(loaded: Loaded) -> int:
        def push(ring: KeyRing, agreed: Callable[[], bool]) -> int | None:
            return _push_step(loaded, where, way, ring, agreed)

        def say(lines: Sequence[str]) -> None:
            out(lines, done=True)

        prove = _prove(said.via, said.cacert)
        turn = unattended.Turn(abort, older, lambda: _begin(yes=yes), prove, push, lambda: now(), say, note)  # noqa: PLW0108 - tests have another clock
        return unattended.roll(where, turn)

    return turned


def _push_step(loaded: Loaded, rotation: Rotation, way: Way, ring: KeyRing, agreed: Callable[[], bool]) -> int | None:
    """What of a step is not in Coolify yet, or not deployed: pushed; None where there is nothing.

    In the steady state only keys are a matter of a rotation; what else is different is somebody's business.
    """
    from mercure_deploy import push as pushing
    from mercure_deploy.cli.push import carried_out, connected, said_of

    name = rotation.name
    with connected(loaded, name, rotation.root, way, exclusive=True) as where:
        wish = pushing.Wish()
        planned = pushing.plan(where, wish)
        keys = any("<key " in line for change in planned.changes for line in change.lines)
        if planned.nothing or (len(ring.keys) == 1 and planned.changes and not keys):
            return None
        if planned.instance.service is None:
            hint = f"mercure-deploy push {name}, once; after that the rotation goes by itself"
            raise Trouble(f"{name}: the hub has no Service in Coolify yet", hint=hint)
        if not agreed():
            raise Trouble("nothing was written", code=NO)
        pushing.able(where)
        done = carried_out(where, planned, wish)
    return said_of(where, planned, done, "text")


def _begin(*, yes: bool) -> bool:
    alone = Trouble("a new key would be made and deployed, and there is no terminal to ask on", hint="say --yes")
    return sure("Make a new key, and deploy the hub with both?", alone, yes=yes)


def _push_all(where: Rotation, said: Turned, loaded: Loaded) -> int:
    from mercure_deploy.cli.push import Way, push_all

    return push_all(loaded, where.name, where.root, Way(said.token_file, said.via, said.cacert))


def _sure(*, yes: bool) -> bool:
    hint = "say --yes, when app and hub can be deployed together now"
    alone = Trouble("every token of the old keys will be refused, and there is no terminal to ask on", hint=hint)
    question = "Every token of the old keys is refused once the hub restarts. Go on?"
    return sure(question, alone, yes=yes, nothing="nothing was changed")


def _prove(via: str | None, cacert: str | None) -> Callable[[Deployment], None]:
    address = via_of(via)

    def prove(d: Deployment) -> None:
        # the HTTP client and the signing of tokens are needed here only

        from mercure_deploy.hub import proof

        way, terminal = way_to(address, cacert), watched()
        if terminal:
            err(f"mercure-deploy: asking {address or d.env.hub.url} whether it accepts both keys")

        def waited(what: str, left: float) -> None:
            if terminal:
                err(f"mercure-deploy: {what}; asking again for {left:.0f} s")

        proof.prove(d, way, proof.Clock(now, time.sleep, waited))

    return prove


def _ask() -> datetime:
    if not can_ask():
        hint = "--deployed-at TIME, or --deployed when they went out right after the promotion"
        raise Trouble("when the apps were deployed is not known, and there is no terminal to ask on", hint=hint)
    return _moment(click.prompt("When did the last app go out (now, 14:30, 2026-11-24T12:00Z)", err=True), now())


def _moment(text: str, moment: datetime) -> datetime:
    """The moment that people mean; one without a time zone is of this machine's."""
    from mercure_deploy import keys
    from mercure_deploy.rotation import said_moment

    try:
        found = said_moment(text, moment)
    except ValueError:
        hint = "now, 14:30, 2026-11-24 14:30, or with a time zone 2026-11-24T12:00:00Z"
        raise Trouble(f"{typed(text)} is no time", hint=hint) from None
    if keys.stamp(found) != text:
        err(f"mercure-deploy: {typed(text)} is taken for {keys.stamp(found)}")
    return found

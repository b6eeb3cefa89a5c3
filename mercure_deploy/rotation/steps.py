"""`rotate-keys`: the next safe step, each a transition of the ring with the ordinary render behind it.

stage    the hub's files trust both keys                  deploy the hub
promote  proved on the live hub; the apps sign anew       deploy the apps
retire   after the last old token; the hub forgets        deploy the hub
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from mercure_deploy import disk, keys
from mercure_deploy.errors import Trouble
from mercure_deploy.keys import KeyRing
from mercure_deploy.output import Know, Known, known, look, lost
from mercure_deploy.spec import Environment, Spec, duration_text
from mercure_deploy.targets import Deployment, app_path, foreign, platform

_NOT_YET = 1
_TAKEN_OVER = "when they hand out a new one: mercure-deploy import --replace FILE, with the file that holds it"


@dataclass(frozen=True)
class Rotation:
    """Where it happens: spec, environment, output root; `waiting` is called while another run holds the lock.

    `replace` is whether files that are not ours give way, and are kept beside ours.
    """

    spec: Spec
    name: str
    root: Path
    waiting: Callable[[], None]
    replace: bool = False

    @property
    def env(self) -> Environment:
        """The environment."""
        return self.spec.environments[self.name]


@dataclass(frozen=True)
class Step:
    """What a step wrote, and what to do next, line by line."""

    changes: list[tuple[str, str]]
    next: list[str]


@dataclass(frozen=True)
class Said:
    """What the user says: `abort`; `deployed`, the files of the last step are out; `at`, when the apps went out."""

    abort: bool = False
    deployed: bool = False
    at: datetime | None = None


# how a live hub is asked; Trouble when it does not trust all keys
Prove = Callable[[Deployment], None]
# when the apps went out, from whoever sits at the terminal; Trouble where there is none
Ask = Callable[[], datetime]


def refuse_foreign(where: Rotation) -> None:
    """Trouble for keys that are not ours to change."""
    whose = foreign(where.env)
    if whose:
        raise Trouble(f"the keys of {where.name} are made by {whose}, not here", hint=_TAKEN_OVER)


def now(where: Rotation, moment: datetime) -> Step:
    """Replace every key of the environment by one fresh key, whatever state the ring is in, even if it is lost."""
    with disk.lock(where.root, waiting=where.waiting):
        found = lost(where.root, where.name)
        found.refuse_old()
        fresh = keys.replace_all(where.env.keys.algorithm, moment, filter(None, (found.ring, found.public)))
        return _commit(where, fresh, lost, list(_after_now(where, fresh)), keep=_strange(where, found))


def take_over(where: Rotation, handed: KeyRing) -> Step:
    """Put the key that who runs the hub has handed out in the place of the one before."""
    with disk.lock(where.root, waiting=where.waiting):
        found = lost(where.root, where.name)
        found.refuse_old()
        if found.ring and [key.fingerprint for key in found.ring.keys] == [handed.current.fingerprint]:
            return Step([], ["nothing: that is the key which is in use already"])
        ring = keys.taken_over(handed.current, filter(None, (found.ring, found.public)))
        lines = [f"apps: {_apps(where, ring)}"]
        return _commit(where, ring, lost, lines, keep=_strange(where, found))


def take(where: Rotation, moment: datetime, said: Said, prove: Prove, ask: Ask) -> Step:
    """Take the next step. Trouble, and nothing written, with code 1 when it is too early, 2 when nobody can tell.

    A step that was killed between its ring and its files is finished first.
    """
    with disk.lock(where.root, waiting=where.waiting):
        found = known(where.root, where.name)
        ring = found.secret()
        if ring is None:
            raise Trouble(f"{where.name} has no key yet", hint=f"render {where.name} makes one")
        if found.public and keys.public_view(found.public) != keys.public_view(ring):
            # a run that was killed, or a manifest of a colleague that was not pulled yet
            return _commit(where, ring, known, list(_after(where, ring)))
        following = keys.abort(ring, moment) if said.abort else _following(where, ring, moment, said, prove, ask)
        return _commit(where, following, known, list(_after(where, following)))


def apps_out(where: Rotation, moment: datetime) -> Step:
    """Keep in the ring when the last app went out with the promoted key; nothing else changes."""
    with disk.lock(where.root, waiting=where.waiting):
        ring = known(where.root, where.name).secret()
        if ring is None or not ring.in_state("retiring"):
            return Step([], [])
        return _commit(where, keys.deployed(ring, moment), known, [])


def _strange(where: Rotation, found: Known) -> list[str]:
    """The ring that is there and cannot be read, or is not that of the manifest: it is not thrown away."""
    path = f"{where.name}/keys.json"
    known = found.ring is not None and not found.foreign
    return [] if known or not disk.exists(where.root / path) else [path]


def _commit(where: Rotation, ring: KeyRing, know: Know, lines: list[str], keep: Sequence[str] = ()) -> Step:
    planned = look(where.spec, [where.name], where.root, lambda *_: ring, know)
    ours = disk.Ours(planned.ours, where.replace, keep, planned.follow)
    changes = disk.commit(where.root, planned.files, ours=ours, private=planned.private)
    return Step([*changes, *planned.strays()], lines)


def _following(where: Rotation, ring: KeyRing, moment: datetime, said: Said, prove: Prove, ask: Ask) -> KeyRing:  # noqa: PLR0913, PLR0917 - one decision
    if ring.in_state("retiring"):
        return _retire(where, ring, moment, said, ask)
    if said.at:
        raise Trouble("no apps are being deployed, --deployed-at belongs to the step after the promotion")
    if ring.in_state("staged"):
        if not said.deployed:
            prove(Deployment(where.name, where.env, ring))
        return keys.promote(ring, moment)
    if said.deployed:
        raise Trouble("no rotation is open, nothing was to be deployed", hint="leave --deployed out to begin one")
    d = Deployment(where.name, where.env, ring)
    reason = platform(d).one_key(d)
    if reason:
        raise Trouble(reason, hint="--now when hub and apps can go out together: until both are out, publishing fails")
    return keys.stage(ring, where.env.keys.algorithm, moment)


def _retire(where: Rotation, ring: KeyRing, moment: datetime, said: Said, ask: Ask) -> KeyRing:
    promoted, lifetime = ring.current.since, where.env.keys.token_lifetime
    out = promoted if said.deployed else said.at or ask()
    if out < promoted:
        hint = "the apps have to be deployed again with the files of the promotion"
        raise Trouble(f"the promotion was later, at {keys.stamp(promoted)}", hint=hint)
    if out > moment:
        raise Trouble(f"{keys.stamp(out)} is not over yet", hint="say when the apps did go out, not when they will")
    if moment < out + lifetime:
        wait = timedelta(seconds=int((out + lifetime - moment).total_seconds()) + 1)
        again = f"mercure-deploy rotate-keys {where.name} --deployed-at {keys.stamp(out)}"
        hint = f"come back at {keys.stamp(moment + wait)}: {again}"
        what = f"tokens of the old key may live for {duration_text(lifetime)} after {keys.stamp(out)}"
        raise Trouble(what, hint=hint, code=_NOT_YET)
    return keys.retire(ring)


def said_moment(text: str, now: datetime) -> datetime:
    """The moment in `now`, `14:30` (the latest one that is over), `2026-11-24 14:30`, or with a time zone.

    Without one it is a moment of this machine's. A time without seconds is the last moment of its minute that is over:
    nothing that was done in it was done later. ValueError for any other text.
    """
    found = _read_moment(text, now)
    if found > now or re.search(r"[0-9]:[0-9]{2}:[0-9]{2}|^now$|T[0-9]{6}", text.strip(), re.IGNORECASE):
        return found
    return min(found.replace(second=59), now)


def _read_moment(text: str, now: datetime) -> datetime:
    word = text.strip()
    if word.lower() == "now":
        return now
    if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", word):
        here = now.astimezone()
        clock = time.fromisoformat(word.rjust(5, "0") if word.count(":") == 1 else word.rjust(8, "0"))
        found = here.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
        return (found if found <= here else found - timedelta(days=1)).astimezone(UTC)
    if re.fullmatch(r"[0-9-]+", word):
        raise ValueError("is a day without a time")
    # "2026-11-24 14:30 +02:00", as date prints it, has a blank before the time zone
    return datetime.fromisoformat(re.sub(r"\s+(?=[+-][0-9:]+$|Z$|UTC$)", "", word).replace("UTC", "Z")).astimezone(UTC)


# --- what to do next -------------------------------------------------------------------------------------------------


def _after(where: Rotation, ring: KeyRing) -> Iterator[str]:
    name = where.name
    if ring.in_state("staged"):
        yield f"deploy the hub, not the apps: {_hub(where, ring)}"
        yield f"then mercure-deploy rotate-keys {name}: it asks the live hub whether it accepts both keys"
    elif ring.in_state("retiring"):
        if ring.aborting:
            yield "the rotation is being taken back: the apps sign with the old key again"
        yield f"deploy the apps, not the hub: {_apps(where, ring)}"
        lifetime = where.env.keys.token_lifetime
        yield (
            f"then wait {duration_text(lifetime)}, not before {keys.stamp(ring.current.since + lifetime)}:"
            f" mercure-deploy rotate-keys {name} --deployed-at TIME, the time at which the last of them was out"
        )
    else:
        yield f"deploy the hub: {_hub(where, ring)}"
        yield "that is the end of the rotation"


def _hub(where: Rotation, ring: KeyRing) -> str:
    d = Deployment(where.name, where.env, ring)
    return platform(d).deploy_hub(d)


def _apps(where: Rotation, ring: KeyRing) -> str:
    d = Deployment(where.name, where.env, ring)
    apps = sorted(where.env.apps)
    files = ", ".join(f"{where.name}/{app_path(d, app)}" for app in apps)
    return f"{files}; {platform(d).deploy_apps(d, apps)}"


def _after_now(where: Rotation, ring: KeyRing) -> Iterator[str]:
    yield f"deploy hub and apps together, as {where.name}/README.md says: until both are out, publishing is refused"
    yield f"hub: {_hub(where, ring)}"
    yield f"apps: {_apps(where, ring)}"
    yield "pages that are open get 401 at their next connection and need a fresh cookie: reload them"

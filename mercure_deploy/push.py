"""`push`: what an environment's README asks a person to do in Coolify, done by its API, read back, and proved."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict

from mercure_deploy.coolify import deploying, writing
from mercure_deploy.coolify.client import Client, NotDoneError, lacking, trouble
from mercure_deploy.coolify.difference import HUB, Change, Wanted, changes
from mercure_deploy.coolify.instance import Instance, Place, look, unable
from mercure_deploy.errors import Problem, Trouble
from mercure_deploy.facts.quoting import uncarried
from mercure_deploy.live import probes
from mercure_deploy.live.fetch import Way
from mercure_deploy.live.probing import Seen
from mercure_deploy.readers import dotenv
from mercure_deploy.root import View
from mercure_deploy.targets import Deployment, platform

# how long a hub may take to serve what is new: pulled, started, and found healthy by the proxy
_PATIENCE = 120.0
_PAUSE = 2.0
_PROOF = frozenset("resolve connect certificate redirect hub key round-trip origin".split())


@dataclass(frozen=True)
class Wish:
    """Which sides are meant, and whether they are deployed."""

    hub: bool = True
    apps: bool = True
    deploy: bool = True


@dataclass(frozen=True)
class Where:
    """An environment with its ring, and how Coolify and the live hub are reached."""

    place: Place
    d: Deployment
    wanted: Wanted
    way: Way
    now: Callable[[], datetime]


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
    """What Coolify has: each side `same`, `different`, `absent` or `unknown`; `drift` are the lines that differ."""

    hub: str
    apps: dict[str, str]
    drift: list[str]


@dataclass
class Done:
    """What was deployed, and whether the live hub showed it: None where it was not asked."""

    deployed: list[str] = field(default_factory=list)
    proved: bool | None = None
    failed: str | None = None
    seen: list[Seen] = field(default_factory=list)


def deployment(view: View, name: str) -> Deployment:
    """The environment as it lies on disk. Trouble when its keys are not on this machine."""
    d = next(each for each in view.deployments if each.name == name)
    if name in view.unborn or not d.ring.complete:
        raise Trouble(f"{name}: its keys are not on this machine", hint=f"render {name}, or copy its keys.json here")
    return d


def wanted(view: View, d: Deployment) -> Wanted:
    """What Coolify ought to have of the rendered files. Trouble for a value that it cannot carry."""
    files = {file.path: file.content.decode() for file in view.files}
    apps = {
        app: {key: value.text for key, value in dotenv.read(app, files[f"{d.name}/{app}.env"]).variables.items()}
        for app in d.env.apps
    }
    target = platform(d)
    hub = {key: str(value) for key, value in target.variables(d).items()}
    for where, values in (("hub", hub), *apps.items()):
        for key, value in values.items():
            why = uncarried(value) if "\n" not in value else None
            if why:
                what = f"{where}: {key} {why}: Coolify does not hand that on"
                raise Trouble(
                    Problem(what, f"rotate-keys {d.name} makes a key of letters and digits", id="key-quoting")
                )
    strip = not (d.env.shares_origin or d.env.hub.path != "/.well-known/mercure")
    domains = str(target.words(d)["domains"])
    return Wanted(files[f"{d.name}/docker-compose.yaml"], domains, hub, apps, strip)


def seen(place: Place) -> Instance:
    """What an instance has. Trouble for what cannot be looked at."""
    with _told(place.client, "looking"):
        return look(place)


def plan(where: Where, wish: Wish) -> Plan:
    """What is to be done. Trouble for what cannot be looked at."""
    instance = seen(where.place)
    found = changes(instance, where.wanted, hub=wish.hub, apps=wish.apps)
    changed = {each.target for each in found}
    service = instance.service
    hub = wish.hub and (HUB in changed or service is None or not deploying.started(service, where.wanted))
    apps = [
        name
        for name, app in instance.apps.items()
        if wish.apps and (name in changed or app.stale(where.wanted.apps[name]))
    ]
    return Plan(instance, found, hub, tuple(apps))


def able(where: Where) -> None:
    """Trouble when the token may not do what push does, all of it at once."""
    with _told(where.place.client, "looking"):
        missing = unable(where.place.client)
    if missing:
        raise lacking(where.place.client.url, missing)


def carry_out(where: Where, planned: Plan, wish: Wish) -> Done:
    """Write, read back, deploy, prove. Trouble when it could not be written: then nothing was deployed."""
    client, instance = where.place.client, planned.instance
    if planned.changes:
        with _told(client, "writing"):
            instance = writing.write(where.place, instance, where.wanted, planned.changes)
            left = changes(instance, where.wanted, hub=wish.hub, apps=wish.apps)
            if left:
                back = writing.take_back(client, planned.instance, instance, planned.changes)
                said = ", ".join(f"{each.target}: {each.key or each.kind}" for each in left[:5])
                state = "what was there before is there again" if back else "not all of it could be put back"
                hint = f"{state}; look at it in Coolify, and run push once more before anything is started there"
                raise Trouble(f"what was written is not what is there: {said}", hint=hint)
    done = Done()
    if wish.deploy:
        with _told(client, "deploying", "what is written stays; run push once more, it goes on from there"):
            _deploy(where, planned, instance, done)
    return done


def _deploy(where: Where, planned: Plan, instance: Instance, done: Done) -> None:
    service = instance.service
    if planned.hub and service:
        deploying.start_hub(where.place.client, service)
        done.deployed.append(HUB)
        if not planned.both_keys:
            done.seen = prove(where)
            done.proved = not done.seen
            if not done.proved:
                return
        deploying.remember(where.place.client, service, where.wanted)
    for name in planned.apps:
        try:
            deploying.deploy(where.place.client, name, instance.apps[name])
        except deploying.FailedError as error:
            done.failed = str(error)
            return
        done.deployed.append(name)
    if planned.both_keys and planned.hub:
        done.seen = prove(where)
        done.proved = not done.seen


def prove(where: Where) -> list[Seen]:
    """What the live hub still does not show after two minutes, nothing when it shows all of it."""
    target = probes.of_environment(where.d.name, where.d.env, where.d.ring, where.way, where.now)
    clock = where.place.client.clock
    end = clock.now() + _PATIENCE
    while True:
        seen = [each for each in probes.run(probes.Asking(target)) if each.name in _PROOF]
        # a key that is only staged has to be known as well
        wrong = [each for each in seen if each.outcome == "fail" or (each.name == "key" and each.outcome == "warn")]
        left = end - clock.now()
        if not wrong or left <= 0:
            return wrong
        clock.waiting(f"the hub does not show it yet ({wrong[0].name}: {wrong[0].evidence})", left)
        clock.sleep(_PAUSE)


class _told:  # noqa: N801 - reads as a word
    """What the API refuses, as what a user is told."""

    def __init__(self, client: Client, doing: str, then: str | None = None) -> None:
        self._client, self._doing, self._then = client, doing, then

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> Literal[False]:
        if isinstance(error, NotDoneError):
            raise trouble(error, self._client.url, self._doing, self._then) from None
        return False


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


def state(planned: Plan, names: Iterable[str]) -> Remote:
    """What `status --remote` and `check --remote` say of an environment."""
    changed = {each.target for each in planned.changes}
    hub = "absent" if planned.instance.service is None else "different" if HUB in changed else "same"
    return {
        "hub": hub,
        "apps": {
            name: "unknown" if name not in planned.instance.apps else "different" if name in changed else "same"
            for name in names
        },
        "drift": [f"{each.target}: {line}" for each in planned.changes for line in each.lines],
    }

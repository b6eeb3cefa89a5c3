"""The steps of a push: look, say, write, read back, deploy, prove; what they are about stands in `plan`."""

from typing import Literal

from mercure_deploy import probes
from mercure_deploy.coolify import deploying, remembered, writing
from mercure_deploy.coolify.client import Client, NotDoneError
from mercure_deploy.coolify.difference import HUB, Wanted, changes
from mercure_deploy.coolify.instance import logs, look, unable
from mercure_deploy.coolify.refusals import lacking, trouble
from mercure_deploy.coolify.remembered import Remembered
from mercure_deploy.coolify.values import Instance, Place, Service
from mercure_deploy.errors import Problem, Trouble
from mercure_deploy.facts.quoting import uncarried
from mercure_deploy.output import View
from mercure_deploy.probes.engine import Seen
from mercure_deploy.push.plan import Done, Plan, Where, Wish
from mercure_deploy.targets import Deployment, platform, variables_of
from mercure_deploy.targets.hub import MARK_PATH

# how long a hub may take to serve what is new: pulled, started, and found healthy by the proxy
_PATIENCE = 120.0
_PAUSE = 2.0
# engines from that one on look every second while a container starts
_FAST = 25
_PROOF = frozenset("resolve connect certificate redirect hub key round-trip origin".split())


def deployment(view: View, name: str) -> Deployment:
    """The environment as it lies on disk. Trouble when its keys are not on this machine."""
    d = next(each for each in view.deployments if each.name == name)
    if name in view.unborn or not d.ring.complete:
        raise Trouble(f"{name}: its keys are not on this machine", hint=f"render {name}, or copy its keys.json here")
    return d


def wanted(view: View, d: Deployment) -> Wanted:
    """What Coolify ought to have of the rendered files. Trouble for a value that it cannot carry."""
    files = {file.path: file.content.decode() for file in view.files}
    apps = {app: variables_of(d, app) for app in d.env.apps}
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
    mark = target.mark(d) if target.mark else ""
    return Wanted(files[f"{d.name}/docker-compose.yaml"], domains, hub, apps, strip, mark)


def mark_url(d: Deployment) -> str:
    """Where a hub says which render it is."""
    return f"{d.env.hub.public_url}{MARK_PATH}"


def seen(place: Place) -> Instance:
    """What an instance has. Trouble for what cannot be looked at."""
    with _told(place.client, "looking"):
        return look(place)


def plan(where: Where, wish: Wish) -> Plan:
    """What is to be done. Trouble for what cannot be looked at."""
    instance = seen(where.place)
    found = changes(instance, where.wanted, hub=wish.hub, apps=wish.apps)
    changed = {each.target for each in found}
    service, kept = instance.service, remembered.of(instance.service)
    hub = wish.hub and (HUB in changed or service is None or not _started(where, service, kept))
    own = {name: kept.deployment(name, where.wanted.app_mark(name)) for name in instance.apps}
    apps = [
        name
        for name, app in instance.apps.items()
        if wish.apps and (name in changed or app.stale(where.wanted.apps[name], own[name]))
    ]
    return Plan(instance, found, hub, tuple(apps))


def _started(where: Where, service: Service, kept: Remembered) -> bool:
    """Whether what is written was started and proved; what runs is asked, as a status lags behind for a minute."""
    if kept.hub != where.wanted.mark:
        return False
    live = where.running()
    return live == where.wanted.render if live else service.running


def advice(where: Where, planned: Plan) -> str | None:
    """What the spec could say of the engine that is there, None where it does."""
    there, said = planned.instance.engine, where.d.env.hub.engine
    if there is None or there < _FAST or (said is not None and said >= _FAST):
        return None
    return (
        f"the docker engine there is {there}: with engine: {there} in hub of {where.d.name} a restart takes about half"
    )


def able(where: Where) -> None:
    """Trouble when the token may not do what push does, all of it at once."""
    with _told(where.place.client, "looking"):
        missing = unable(where.place.client)
    if missing:
        raise lacking(where.place.client.url, missing)


def carry_out(where: Where, planned: Plan, wish: Wish, done: Done) -> None:
    """Write, read back, deploy, prove; `done` is told each of it. Trouble when it could not be written.

    Then nothing was deployed.
    """
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
    done.written = True
    if wish.deploy:
        with _told(client, "deploying", "what is written stays; run push once more, it goes on from there"):
            _deploy(where, planned, instance, done)


def _deploy(where: Where, planned: Plan, instance: Instance, done: Done) -> None:
    service, client = instance.service, where.place.client
    kept = remembered.of(service)
    together = planned.both_keys and planned.hub
    if planned.hub and service:
        deploying.start_hub(client, service)
        done.deployed.append(HUB)
        if not together and not _proved(where, done):
            return
        if not together:
            kept = kept.with_hub(where.wanted.mark)
            remembered.keep(client, service, kept)
    if planned.apps:
        ended, failed = deploying.deploy_all(client, {name: instance.apps[name] for name in planned.apps})
        done.deployed += ended
        done.failed = "\n".join(failed) or None
        for name, uuid in ended.items():
            kept = kept.with_app(name, uuid, where.wanted.app_mark(name))
    if together and _proved(where, done):
        kept = kept.with_hub(where.wanted.mark)
    if service and kept != remembered.of(service):
        remembered.keep(client, service, kept)


def _proved(where: Where, done: Done) -> bool:
    done.seen = prove(where)
    done.proved = not done.seen
    return done.proved


def prove(where: Where) -> list[Seen]:
    """What the live hub still does not show after two minutes, nothing when it shows all of it.

    First that it is the new container: the old one answers for seconds, and for ever where the new one does not start.
    """
    clock = where.place.client.clock
    end = clock.now() + _PATIENCE
    while where.running() != where.wanted.render:
        left = end - clock.now()
        if left <= 0:
            return [_old(where), *(each for each in _asked(where) if each.outcome == "fail")]
        clock.waiting("the container that was started does not answer yet", left)
        clock.sleep(_PAUSE)
    while True:
        # a key that is only staged has to be known as well
        wrong = [
            each for each in _asked(where) if each.outcome == "fail" or (each.name, each.outcome) == ("key", "warn")
        ]
        left = end - clock.now()
        if not wrong or left <= 0:
            return wrong
        clock.waiting(f"the hub does not show it yet ({wrong[0].name}: {wrong[0].evidence})", left)
        clock.sleep(_PAUSE)


def _asked(where: Where) -> list[Seen]:
    """What the probes see of the live hub."""
    target = probes.of_environment(where.d.name, where.d.env, where.d.ring, where.way, where.now)
    return [each for each in probes.run(probes.Asking(target)) if each.name in _PROOF]


def _old(where: Where) -> Seen:
    """That something else runs than what was written."""
    what = f"{mark_url(where.d)} does not answer as the container that was written: another one runs, or none"
    return Seen("started", "fail", what)


def log(where: Where, lines: int) -> str:
    """The last lines that the hub's container wrote. Trouble when it does not run, or they cannot be had."""
    with _told(where.place.client, "the log of the hub"):
        return logs(where.place, lines)


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

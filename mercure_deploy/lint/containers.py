"""Rules about containers: which value wins, which port is whose, what survives, and how many there are."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mercure_deploy.errors import typed
from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.facts.variables import APP, IMAGE
from mercure_deploy.findings import Finding
from mercure_deploy.lint import haproxy
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers.setup import Setup, is_hub, origin_of
from mercure_deploy.simulation.hub import hubs

if TYPE_CHECKING:
    from mercure_deploy.findings import Level


@rule("key-quoting")
def key_quoting(setup: Setup) -> Iterator[Found]:
    """Quotes in a list of variables, which compose hands on as a part of the value."""
    for service in setup.services:
        for name, value in service.environment.items():
            ours = is_hub(service) or name in APP
            if ours and re.fullmatch(r"'.+'|\".+\"", value.text, re.DOTALL):
                what = f"{name} has quotes in it: in a list compose keeps them as a part of the value"
                yield Found(value.place, what, f"- {name}=VALUE without quotes, or {name}: VALUE")


@rule("tooling-override")
def tooling_override(setup: Setup) -> Iterator[Found | Finding]:
    """A variable in environment: that hides the one of the env file, or that of Symfony's .env files."""
    for service in setup.services:
        for file in setup.env_files_of(service):
            for word, value in service.environment.items():
                hidden = file.variables.get(word)
                if hidden is not None and hidden.text != value.text and word.startswith("MERCURE_"):
                    what = f"{word} stands in environment: too, and that one wins"
                    yield Found(hidden.place, what, "leave one of the two out")
    yield from _hides_dotenv(setup)
    yield from _not_forwarded(setup)


# what only the hub reads, and where compose does not name it, from nowhere else
_OF_CADDY = re.compile(r"MERCURE_(EXTRA_DIRECTIVES|(PUBLISHER|SUBSCRIBER)_JWT_ALG)|CADDY_(GLOBAL|SERVER_EXTRA)_\w+")


def _not_forwarded(setup: Setup) -> Iterator[Found]:
    """A variable of .env for the hub that its container never gets: compose fills references from there, no more."""
    for service in setup.hub_services:
        if service.charted or service.cluster or service.env_files or service.open:
            continue
        place = "/".join(filter(None, [service.file.rpartition("/")[0], ".env"]))
        for file in (each for each in setup.env_files if each.path == place):
            for name, value in file.variables.items():
                known = name in service.environment or name in service.passed
                if _OF_CADDY.fullmatch(name) and value.text and not known:
                    what = f"{name} never reaches {typed(service.name, 40)}: compose hands on what environment: names"
                    yield Found(value.place, what, f"{name}: ${{{name}}} in its environment:", "warning")


def _hides_dotenv(setup: Setup) -> Iterator[Found]:
    """A variable of the app's container, which Symfony takes instead of what its .env files for that machine say."""
    local = [file for file in setup.env_files if re.search(r"(^|/)\.env\.(\w+\.)?local$", file.path)]
    for service in setup.services:
        for word, value in service.environment.items():
            if word not in APP or value.assumed or is_hub(service):
                continue
            for file in local:
                hidden = file.variables.get(word)
                if hidden is None or hidden.text == value.text or (value.raw is not None and "$" in value.raw):
                    continue
                what = f"{word} stands in {file.path} too, with another value, and that of the container wins"
                meant = origin_of(hidden)
                certain = meant is not None and meant[0] == setup.told_hub
                level: Level = "error" if certain else "warning"
                yield Found(value.place, what, "the same value in both, or in one alone", level)


@rule("port-conflict")
def port_conflict(setup: Setup) -> Iterator[Found | Finding]:
    """A port of the machine that two services publish, or of the container that two sites want."""
    taken: dict[tuple[str, int], str] = {}
    for service in setup.services:
        for host, _, place in service.ports:
            other = taken.setdefault((service.file, host), service.name) if host else service.name
            if other != service.name:
                what = f"port {host} is taken by {other} already"
                yield Found(place, what, "another port of the machine")
    yield from _admin(setup)


def _admin(setup: Setup) -> Iterator[Found]:
    """A site at the port of Caddy's own admin endpoint."""
    for file in setup.caddyfiles:
        said = next((each for each in file.options if each.name == "admin"), None)
        address = said.arguments[0].text if said and said.arguments else "localhost:2019"
        port = address.rpartition(":")[2]
        if address.startswith("unix/") or not port.isdigit():
            continue
        for addresses, _ in file.sites:
            for value in addresses:
                if re.fullmatch(rf"\S*:{port}", value.text):
                    what = f"port {port} is that of Caddy's admin endpoint: the hub does not start"
                    yield Found(value.place, what, "another port, here or in admin")


@rule("healthcheck-broken")
def healthcheck_broken(setup: Setup) -> Iterator[Found | Finding]:
    """A health check that fails though the hub works: curl, which the image has not, or /healthz on 1.0."""
    hint = "wget -q --spider http://127.0.0.1:2019/mercure/health/ready, the image's own check"
    modern = setup.generation is not None and setup.generation >= (1, 0)
    yield from haproxy.unhealthy(setup)
    for service in setup.hub_services:
        test = service.healthcheck
        if test is None or service.image is None or not IMAGE.search(service.image.text):
            continue
        if re.search(rf"\b(wget|curl)\b(?!.*\|\|\s*(true|:)\b).*{re.escape(HUB_PATH)}(\s|'|\"|$)", test.text):
            what = "the hub's path answers 401 or 400 without a token, and the container is never healthy"
            yield Found(test.place, what, hint)
        elif re.fullmatch(rf"GET {re.escape(HUB_PATH)}/?", test.text):
            what = "the hub's path answers 401 or 400 without a token, and the pod never gets ready"
            yield Found(test.place, what, "GET /mercure/health/ready at port 2019, or /healthz on 0.24")
        elif re.search(r"\bcurl\b", test.text):
            yield Found(test.place, "the hub's image has no curl", hint, "warning")
        elif modern and "/healthz" in test.text:
            yield Found(test.place, "hub 1.0 has no /healthz: it answers 404", hint)


def _in_a_cluster(setup: Setup) -> Iterator[Found]:
    """A volume that two pods want at a time, and one that goes with its pod."""
    for service in setup.hub_services:
        if service.rolling is not None:
            what = "at an update the new pod waits for the database that the old one holds, and the rollout hangs"
            yield Found(service.rolling, what, "strategy: {type: Recreate}", "warning")
        elif any(target.rstrip("/") == "/data" for target in service.fleeting) and not _kept_elsewhere(setup):
            what = "/data is an emptyDir: the history goes with the pod, and who was away misses updates"
            yield Found(service.place, what, "a PersistentVolumeClaim at /data", "warning")


def _kept_elsewhere(setup: Setup) -> bool:
    """Whether no hub of these files keeps its history in a file."""
    kinds = [kind.text for hub in hubs(setup) if (kind := hub.taken.one("transport")) is not None]
    return bool(kinds) and "bolt" not in kinds


@rule("transport-not-shared")
def transport_not_shared(setup: Setup) -> Iterator[Found]:
    """Replicas of a hub whose transport is local to one process."""
    kinds = {kind.text for hub in hubs(setup) if (kind := hub.taken.one("transport")) is not None}
    if kinds - {"bolt", "local"}:
        # a module of somebody's own image, which may share them
        return
    for service in setup.hub_services:
        if service.replicas is not None and service.replicas.text.isdigit() and int(service.replicas.text) > 1:
            what = "each replica keeps its updates to itself: half of the subscribers hear of nothing"
            yield Found(service.replicas.place, what, f"{service.one_replica}; the open hub is one process")


@rule("storage-permissions")
def storage_permissions(setup: Setup) -> Iterator[Found]:
    """A history that is not on a volume, or that has no size."""
    for hub in hubs(setup):
        kind, size = hub.taken.one("transport"), [each for each in hub.taken.transport if each.name == "size"]
        endless = not size or (size[-1].arguments and size[-1].arguments[0].text.strip("0") == "")
        if kind is not None and kind.text == "bolt" and endless:
            what = "the history has no size, and its file grows for ever"
            yield Found(kind.place, what, "size 10000 in its block", "warning")
    yield from _in_a_cluster(setup)
    for each in (each for block in setup.blocks for each in block.named("transport")):
        paths = [inner.arguments[0].text for inner in each.block if inner.name == "path" and inner.arguments]
        for service in setup.hub_services:
            lost = [path for path in paths if path.startswith("/") and not _kept(path, service.volumes)]
            if lost and service.volumes:
                what = "the history lies on no volume, and goes with the container"
                hint = "path /data/mercure.db, and a volume at /data"
                yield Found(each.place, what, hint, "warning")


def _kept(path: str, volumes: list[str]) -> bool:
    return any(path.startswith(f"{volume.rstrip('/')}/") for volume in volumes)

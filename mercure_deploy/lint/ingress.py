"""What an Ingress or an HTTPRoute does to a hub's requests: the annotations of ingress-nginx, Gateway API, clouds."""

from collections.abc import Iterator

from mercure_deploy.errors import typed
from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.findings import Finding
from mercure_deploy.lint import between, sites
from mercure_deploy.lint.between import Target
from mercure_deploy.readers.places import Route, Value
from mercure_deploy.readers.setup import Setup, origin_of

_NGINX = "nginx.ingress.kubernetes.io/"


def ways(setup: Setup) -> Iterator[Route]:
    """The paths that requests for the hub take."""
    for host in dict.fromkeys(route.host for route in setup.routes):
        route = _chosen([each for each in setup.routes if each.host == host])
        if route is not None and route.to in setup.hub_names:
            yield route


def _chosen(routes: list[Route]) -> Route | None:
    """The one that takes the hub's path: exact before longest prefix."""
    taking = [each for each in routes if _takes(each)]
    return max(taking, key=lambda each: (each.exact, len(each.path)), default=None)


def _takes(route: Route) -> bool:
    if route.exact or route.path == HUB_PATH:
        return route.path == HUB_PATH
    # a path with a pattern is the controller's own matter
    return HUB_PATH.startswith(route.path.split("(")[0].rstrip("/*"))


def targets(setup: Setup) -> Iterator[Target]:
    """The port of the Service that gets the hub's requests."""
    for route in ways(setup):
        protocol = route.notes.get(f"{_NGINX}backend-protocol")
        scheme = "https" if protocol is not None and protocol.text.upper() == "HTTPS" else "http"
        port = f":{route.port.text}" if route.port is not None and route.port.text.isdigit() else ""
        found = origin_of(Value(f"{scheme}://{route.to}{port}", route.place))
        if found and port:
            yield Target(found[0], route.port.place if route.port is not None else route.place)


def kept_back(setup: Setup) -> Iterator[Finding]:
    """Findings for timeouts shorter than the hub's heartbeat."""
    for route in ways(setup):
        for name, value in route.notes.items():
            word = name.rpartition("/")[2]
            if word == "proxy-read-timeout" and name.startswith(_NGINX):
                yield from between.cut(value.place, value.text, f"{value.text} s of silence", f'{word}: "3600"')
            elif word == "timeouts.request" and value.text not in {"0", "0s"}:
                yield from between.cut(value.place, value.text, value.text, "timeouts: {request: 0s}")


def not_routed(setup: Setup) -> Iterator[Finding]:
    """Findings for requests that do not reach the hub, or not under its path."""
    for route in ways(setup):
        yield from _changed(route)
    yield from _elsewhere(setup)
    yield from _no_such_port(setup)


def _changed(route: Route) -> Iterator[Finding]:
    for word in ("auth-type", "auth-url"):
        guard = route.notes.get(f"{_NGINX}{word}")
        if guard is not None:
            yield between.guard(guard.place, "the ingress", f"an Ingress of its own for {HUB_PATH}")
    target = route.notes.get(f"{_NGINX}rewrite-target")
    if target is not None and "$" not in target.text and target.text != HUB_PATH:
        yield between.stripped(target.place, f"an Ingress of its own for {HUB_PATH}")


def _elsewhere(setup: Setup) -> Iterator[Finding]:
    """The hub's public host, whose path leads to no hub."""
    hub = setup.hub_origin
    routes = [each for each in setup.routes if hub is not None and each.host == hub.host]
    if not routes or not any(service.cluster for service in setup.hub_services):
        return
    route = _chosen(routes)
    if route is None:
        what = f"no path of {routes[0].host} leads to {HUB_PATH}: the ingress answers 404"
        yield Finding("proxy-not-routing", "error", what, f"path: {HUB_PATH}, pathType: Prefix", routes[0].place)
    elif sites.leads(setup, Value(f"http://{route.to}", route.place)) is False:
        what = f"{HUB_PATH} of {route.host} is led to {typed(route.to, 60)}, which runs no hub"
        yield Finding("proxy-not-routing", "error", what, f"a path {HUB_PATH} for the hub's Service", route.place)


def _no_such_port(setup: Setup) -> Iterator[Finding]:
    for route in ways(setup):
        known = {port for service in setup.hub_services if route.to in service.names for port in service.mapped}
        if route.port is not None and route.port.text.isdigit() and known and int(route.port.text) not in known:
            listed = ", ".join(map(str, sorted(known)))
            what = f"the Service {typed(route.to, 60)} has no port {route.port.text}: 503"
            yield Finding("proxy-not-routing", "error", what, f"its port {listed}", route.port.place)


def doubled(setup: Setup) -> Iterator[Finding]:
    """Findings for CORS headers that the ingress adds to those of the hub."""
    for route in ways(setup):
        value = route.notes.get(f"{_NGINX}enable-cors")
        if value is not None and value.text == "true":
            what = "answers preflights itself, and adds a second Access-Control-Allow-Origin to the hub's"
            hint = f"an Ingress of its own for {HUB_PATH}, without enable-cors; cors_origins of the hub"
            yield Finding("cors-origin-mismatch", "error", what, hint, value.place)

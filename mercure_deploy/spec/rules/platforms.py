"""What each platform allows in a spec; what it renders is the business of its module in `targets`."""

from collections.abc import Iterator

from mercure_deploy.errors import closest
from mercure_deploy.facts.origins import Origin
from mercure_deploy.spec.contradiction import Contradiction, Rule
from mercure_deploy.spec.models import Environment


def rules(env: Environment) -> Iterator[Contradiction]:
    """What is at odds with the platform of an environment."""
    yield from _RULES[env.platform](env)
    yield from _instance(env)


def _instance(env: Environment) -> Iterator[Contradiction]:
    """Where push finds things, which only Coolify has."""
    if env.coolify is None:
        return
    if env.platform != "coolify":
        yield Contradiction(("coolify",), "is for platform: coolify only", None, "leave it out")
    if env.coolify.url.scheme != "https" and not env.coolify.url.is_local:
        what = "the API token and every key go there in plain http"
        yield Contradiction(("coolify", "url"), what, "secret-exposure", "https://, with a certificate", "warning")
    owners: dict[str, str] = {}
    for name, application in env.coolify.apps.items():
        if name not in env.apps:
            hint = closest(name, env.apps, names="the apps are")
            yield Contradiction(("coolify", "apps", name), "there is no such app above", None, hint)
        first = owners.setdefault(application, name)
        if first != name:
            what = f"is the Application of {first} already: two apps have different variables"
            yield Contradiction(("coolify", "apps", name), what, None, "one Application for each app")


def _coolify(env: Environment) -> Iterator[Contradiction]:
    yield from _inside_coolify(env)
    if env.hub.bind is not None:
        yield Contradiction(
            ("hub", "bind"), "bind is for compose with tls: proxy only", "port-conflict", "leave it out"
        )
    if env.tls == "hub":
        what = "the hub cannot terminate TLS on coolify, its proxy owns ports 80 and 443"
        yield Contradiction(("hub", "tls"), what, "tls-mode-mismatch", "leave tls out, or use platform: compose")
    if env.hub.port is not None:
        yield _for_proxy("port")
    if env.hub.delivery == "environment" and env.keys.algorithm in {"RS256", "ES256"}:
        what = f"a {env.keys.algorithm} key cannot be delivered in an environment variable"
        hint = "use delivery: caddyfile, or an HS algorithm"
        yield Contradiction(("hub", "delivery"), what, "pem-in-env", hint)


def _compose(env: Environment) -> Iterator[Contradiction]:
    hub = env.hub
    if env.tls == "hub" and hub.url.scheme == "http":
        path = ("hub", "tls") if hub.tls else ("hub", "url")
        hint = "write the url with https://, or set tls: proxy"
        yield Contradiction(path, "tls: hub needs an https url", "tls-mode-mismatch", hint)
    elif env.tls == "hub" and hub.url.port is not None:
        what = "the hub serves https on port 443 only"
        yield Contradiction(("hub", "url"), what, "port-conflict", "leave the port out, or set tls: proxy")
    if env.tls == "hub" and hub.port is not None:
        yield _for_proxy("port")
    if env.tls == "proxy" and hub.port is None:
        hint = "choose a free loopback port and point the proxy at it, e.g. port: 8080"
        yield Contradiction(("hub",), "port is required on compose with tls: proxy", "port-conflict", hint)
    if env.tls == "hub" and hub.bind is not None:
        yield Contradiction(
            ("hub", "bind"), "bind is for compose with tls: proxy only", "port-conflict", "leave it out"
        )
    for name, app in env.apps.items():
        if env.tls == "hub" and app.hub_url and app.hub_url.port is not None:
            what = "the hub serves https on port 443 only"
            hint = "leave the port out, or set tls: proxy"
            yield Contradiction(("apps", name, "hub_url"), what, "port-conflict", hint)
    yield from _inside_compose(env)
    if hub.delivery == "environment":
        what = "delivery: environment is for coolify only"
        yield Contradiction(("hub", "delivery"), what, None, "leave it out")


def _inside_coolify(env: Environment) -> Iterator[Contradiction]:
    """Can a request of an app on the same Coolify arrive at `internal_url`? (measured on 4.3.11)"""
    inside = env.hub.internal_url
    if env.hub.network and not env.alias:
        yield _no_network()
    if inside is None or inside in env.hub_names:
        return
    hint = "a name of your own for the hub in Coolify's network, e.g. http://hub-shop; or leave it out"
    what = _wrong_inside(inside, env)
    if what is None and inside.host == "mercure":
        what = "every hub on Coolify has that name in its own network, and no app can resolve it"
    what = what or _no_name(inside)
    if what:
        yield Contradiction(("hub", "internal_url"), what, "internal-url-wrong", hint)


def _inside_compose(env: Environment) -> Iterator[Contradiction]:
    """Can a request arrive at `internal_url`: by the published port, or by the name in a network of the apps?"""
    hub = env.hub
    inside = hub.internal_url
    if hub.network and not env.alias:
        yield _no_network()
    if inside is None or inside in env.hub_names:
        return
    hint = (
        "the hub's name in a docker network of the apps, e.g. http://hub-shop with network: shop-net; or leave it out"
    )
    published = env.tls == "proxy" and inside.port == hub.port and (inside.is_local or inside.host == env.bind)
    what = _wrong_inside(inside, env)
    if what is None and inside.is_local and not published:
        what = "nothing listens there: the hub publishes no such port of this machine"
    elif what is None and not published:
        what = _no_name(inside)
        if what is None and hub.network is None:
            what, hint = (
                "apps in other compose projects cannot resolve that name",
                "say network: with it, e.g. shop-net",
            )
    if what:
        yield Contradiction(("hub", "internal_url"), what, "internal-url-wrong", hint)


def _wrong_inside(inside: Origin, env: Environment) -> str | None:
    """What is wrong with it on every platform."""
    if inside.scheme == "https":
        return "the hub speaks plain http there, it has a certificate for its public name at most"
    if inside in {app.url for app in env.apps.values()}:
        return "is the URL of an app, not of the hub"
    return None


def _no_name(inside: Origin) -> str | None:
    """Why it is no name of a container that listens on port 80."""
    if inside.is_local:
        return "is the app's own container when the app asks for it"
    if "." in inside.host or inside.is_ip:
        return "must be a name of one label, as containers have it"
    if inside.port is not None:
        return "the hub listens on port 80 inside, whatever port the machine publishes"
    return None


def _no_network() -> Contradiction:
    hint = "say internal_url: http://NAME, the name that the hub has in it; or leave network out"
    return Contradiction(("hub", "network"), "nobody asks for the hub in that network", "internal-url-wrong", hint)


def _for_proxy(word: str) -> Contradiction:
    what = f"{word} is for compose with tls: proxy only"
    return Contradiction(("hub", word), what, "port-conflict", "leave it out")


_RULES: dict[str, Rule] = {"coolify": _coolify, "compose": _compose}

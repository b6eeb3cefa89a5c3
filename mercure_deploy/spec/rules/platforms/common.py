"""What several platforms have in common: words that only some of them know, and ways to a hub from inside."""

from collections.abc import Iterator, Mapping

from mercure_deploy.facts.origins import Origin
from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment


def wrong_inside(inside: Origin, env: Environment) -> str | None:
    """What is wrong with `internal_url` on every platform, None where nothing is."""
    if inside.scheme == "https":
        return "the hub speaks plain http there, it has a certificate for its public name at most"
    if inside in {app.url for app in env.apps.values()}:
        return "is the URL of an app, not of the hub"
    return None


def no_name(inside: Origin) -> str | None:
    """Why it is no name of a container that listens on port 80, None where it is one."""
    if inside.is_local:
        return "is the app's own container when the app asks for it"
    if "." in inside.host or inside.is_ip:
        return "must be a name of one label, as containers have it"
    if inside.port is not None:
        return "the hub listens on port 80 inside, whatever port the machine publishes"
    return None


def no_network() -> Contradiction:
    """A network in which nobody looks for the hub."""
    hint = "say internal_url: http://NAME, the name that the hub has in it; or leave network out"
    return Contradiction(("hub", "network"), "nobody asks for the hub in that network", "internal-url-wrong", hint)


def for_proxy(word: str) -> Contradiction:
    """A word that needs a proxy on the same machine."""
    what = f"{word} is for a proxy on the same machine, with tls: proxy only"
    return Contradiction(("hub", word), what, "port-conflict", "leave it out")


def own_tls(env: Environment) -> Iterator[Contradiction]:
    """What cannot be where the hub terminates TLS: it listens on 80 and 443, and on nothing else."""
    hub = env.hub
    if hub.url.scheme == "http":
        path = ("hub", "tls") if hub.tls else ("hub", "url")
        hint = "write the url with https://, or set tls: proxy"
        yield Contradiction(path, "tls: hub needs an https url", "tls-mode-mismatch", hint)
    elif hub.url.port is not None:
        what = "the hub serves https on port 443 only"
        yield Contradiction(("hub", "url"), what, "port-conflict", "leave the port out, or set tls: proxy")
    for word in ("port", "bind"):
        if getattr(hub, word) is not None:
            yield for_proxy(word)
    for name, app in env.apps.items():
        if app.hub_url and app.hub_url.port is not None:
            what = "the hub serves https on port 443 only"
            hint = "leave the port out, or set tls: proxy"
            yield Contradiction(("apps", name, "hub_url"), what, "port-conflict", hint)


def wrong_tls(why: str) -> Contradiction:
    """A platform whose hub has no certificate."""
    return Contradiction(("hub", "tls"), why, "tls-mode-mismatch", "leave tls out, or use platform: compose")


def pem_in_env(algorithm: str) -> Contradiction:
    """A key pair where only variables arrive."""
    what = f"a {algorithm} key cannot be delivered in an environment variable"
    hint = "use an HS algorithm, or another delivery or platform: compose"
    return Contradiction(("keys", "algorithm"), what, "pem-in-env", hint)


def no_line(said: Mapping[str, object], room: str, hint: str) -> Iterator[Contradiction]:
    """Words that are said and need a line of the mercure block, where `room` is all that there is: cors_origins."""
    for word, value in said.items():
        if value:
            what = f"{word} needs a line of its own, and {room}: cors_origins"
            yield Contradiction(("hub", word), what, "directive-syntax", hint)

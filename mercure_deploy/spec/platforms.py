"""What each platform allows in a spec; what it renders is the business of its module in `targets`."""

from collections.abc import Iterator

from mercure_deploy.spec.contradiction import Contradiction, Rule
from mercure_deploy.spec.models import Environment


def rules(env: Environment) -> Iterator[Contradiction]:
    """What is at odds with the platform of an environment."""
    yield from _RULES[env.platform](env)


def _coolify(env: Environment) -> Iterator[Contradiction]:
    if env.tls == "hub":
        what = "the hub cannot terminate TLS on coolify, its proxy owns ports 80 and 443"
        yield Contradiction(("hub", "tls"), what, "tls-mode-mismatch", "leave tls out, or use platform: compose")
    if env.hub.port is not None:
        yield _no_port()
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
        yield _no_port()
    if env.tls == "proxy" and hub.port is None:
        hint = "choose a free loopback port and point the proxy at it, e.g. port: 8080"
        yield Contradiction(("hub",), "port is required on compose with tls: proxy", "port-conflict", hint)
    if hub.delivery == "environment":
        what = "delivery: environment is for coolify only"
        yield Contradiction(("hub", "delivery"), what, None, "leave it out")


def _no_port() -> Contradiction:
    return Contradiction(("hub", "port"), "port is for compose with tls: proxy only", "port-conflict", "leave it out")


_RULES: dict[str, Rule] = {"coolify": _coolify, "compose": _compose}

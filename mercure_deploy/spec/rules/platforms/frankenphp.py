"""Platform frankenphp: the hub inside the server of one of the apps (symfony-docker, API Platform)."""

from collections.abc import Iterator

from mercure_deploy.facts import frankenphp
from mercure_deploy.facts.hubs import moving
from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment
from mercure_deploy.spec.rules.platforms.common import for_proxy, no_line

WORDS = frozenset("image internal_url tls port delivery app transport".split())
DELIVERIES = ("caddyfile", "environment")
_PINNED = "name one release, e.g. image: dunglas/frankenphp:1.12.7-php8.4"


def rules(env: Environment) -> Iterator[Contradiction]:
    """What cannot be in an app's own server."""
    yield from _home(env)
    yield from _release(env)
    if env.keys.algorithm in {"RS256", "ES256"}:
        what = f"{env.keys.algorithm}: one variable of the template feeds both sides, and a key pair has two halves"
        yield Contradiction(("keys", "algorithm"), what, "alg-mismatch", "use an HS algorithm")
    transport = env.hub.transport
    if transport is not None and transport.name != "bolt":
        what = "the template's block and ours share one transport, and FrankenPHP has bolt and local"
        hint = "leave it out, or say what stands in the template: {name: bolt, options: {path: /data/mercure.db}}"
        yield Contradiction(("hub", "transport"), what, "transport-not-shared", hint)
    if env.hub.port is not None and (env.tls == "hub" or env.delivery == "environment"):
        yield for_proxy("port")
    if env.delivery == "environment":
        yield from _one_line(env)


def _home(env: Environment) -> Iterator[Contradiction]:
    """The app whose container it is."""
    home = env.home
    if home is None:
        hint = f"say app: with the app in whose server the hub runs, one of {', '.join(env.apps)}"
        yield Contradiction(("hub",), "app is required on frankenphp with several apps", None, hint)
    elif home not in env.apps:
        hint = f"the apps are {', '.join(env.apps)}"
        yield Contradiction(("hub", "app"), "there is no such app below apps", None, hint)
    elif env.apps[home].url != env.hub.url:
        what = f"is not the URL of {home}, in whose server the hub runs: {env.apps[home].url}"
        yield Contradiction(("hub", "url"), what, "public-url-wrong", "leave it out")
    inside = env.hub.internal_url
    if inside is not None and inside.scheme == "https" and inside != env.hub.url:
        what = "the server speaks plain http there, it has a certificate for its public name at most"
        hint = "http://php in the same compose project; or leave it out"
        yield Contradiction(("hub", "internal_url"), what, "internal-url-wrong", hint)


def _release(env: Environment) -> Iterator[Contradiction]:
    """The hub's generation, which FrankenPHP's own release tells."""
    hub = env.hub
    if hub.version == "1.0":
        what = "no release of FrankenPHP with hub 1.0 has been measured"
        hint = "leave version out; or run the hub apart, with platform: compose or coolify"
        yield Contradiction(("hub", "version"), what, "hub-upgrade-break", hint)
        return
    if hub.image is None:
        return
    judged = frankenphp.judge(hub.image)
    if judged.modern and "version" not in hub.model_fields_set:
        what = "FrankenPHP 1.13 is reported to carry hub 1.0, which takes other tokens: that is not known"
        hint = 'pin an image before 1.13; or say version: "0.24" where its hub is one of 0.x'
        yield Contradiction(("hub", "image"), what, "hub-upgrade-break", hint)
    elif judged.floating is not None:
        what = f"must name one release, {moving(judged.floating)}: another generation of the hub wants other tokens"
        yield Contradiction(("hub", "image"), what, "hub-upgrade-break", _PINNED, "warning")
    elif judged.old:
        what = "its hub is older than 0.24: it cannot trust two keys at once, and refuses every key of a JWK Set"
        hint = "1.12.3 or newer; until then only rotate-keys --now"
        yield Contradiction(("hub", "image"), what, "hub-upgrade-break", hint, "warning")


def _one_line(env: Environment) -> Iterator[Contradiction]:
    """`delivery: environment`: the template's own block, with one line of ours in it."""
    if "anonymous" not in env.accept and env.mode == "production":
        what = "the template's own block lets strangers subscribe, and a variable cannot take that away"
        hint = "use delivery: caddyfile; or say accept: [anonymous] when all updates are public"
        yield Contradiction(("hub", "delivery"), what, "anonymous", hint)
    said = {"cookie_name": env.hub.cookie_name, "directives": env.hub.directives, "transport": env.hub.transport}
    yield from no_line(said, "MERCURE_EXTRA_DIRECTIVES is one", "use delivery: caddyfile, or leave it out")

"""Rules between fields of a finished spec: what cannot work or is not safe; where they stand in the file is load's."""

import re
from collections.abc import Iterator

from mercure_deploy.facts import cookies
from mercure_deploy.facts.hubs import DOORS, GENERATIONS, directive_problems, image_problem
from mercure_deploy.facts.origins import Origin
from mercure_deploy.spec.contradiction import Contradiction, Path
from mercure_deploy.spec.fields import duration_text
from mercure_deploy.spec.models import App, Environment, Spec
from mercure_deploy.spec.rules import apps, platforms

_SECRET_URL = re.compile(r"://[^/@\s]*:(?!\{env\.[A-Za-z0-9_]+\}@)[^/@\s]+@")
_SECRET_NAME = re.compile(r"pass|secret|token|(^|_)key$", re.IGNORECASE)


def contradictions(spec: Spec) -> Iterator[Contradiction]:
    """Everything that is at odds within `spec`; what is accepted comes as a note, a mere doubt as a warning."""
    for name, env in spec.environments.items():
        here: Path = ("environments", name)
        for rule in (_mode, _tls, platforms.rules, _generation, _keys, _transport, _directives, _apps, _pages):
            for found in rule(env):
                level = "note" if found.id in env.accept else found.level
                yield Contradiction((*here, *found.path), found.what, found.id, found.hint, level)
    yield from apps.rules(spec)


def _mode(env: Environment) -> Iterator[Contradiction]:
    """Settings that only development may have."""
    if env.mode == "development":
        return
    hint = "put a TLS proxy in front of the hub, or set mode: development"
    for path, url in (
        (("hub", "url"), env.hub.url),
        *((("apps", name, "url"), app.url) for name, app in env.apps.items()),
        *((("apps", name, "hub_url"), app.hub_url) for name, app in env.apps.items() if app.hub_url),
        *(
            (("apps", name, "origins", index), origin)
            for name, app in env.apps.items()
            for index, origin in enumerate(app.origins)
        ),
    ):
        if url.scheme != "https":
            yield Contradiction(path, "must be an https origin in production", "tls-mode-mismatch", hint)
        elif url.is_local:
            what = "is this machine only, not a production host"
            yield Contradiction(path, what, "tls-mode-mismatch", "use the public name, or set mode: development")
    if env.hub.anonymous:
        what = "strangers may subscribe in production"
        hint = "leave it out; or say accept: [anonymous] when all updates are public"
        yield Contradiction(("hub", "anonymous"), what, "anonymous", hint)
    for index, line in enumerate(env.hub.directives):
        name = line.split()[0] if line.split() else ""
        if name in DOORS and name in GENERATIONS[env.hub.version].free:
            what = (
                f"{name} opens the hub to every visitor: a page that shows what its URL says, and sets cookies from it"
            )
            hint = "leave it out, or set mode: development"
            yield Contradiction(("hub", "directives", index), what, "anonymous", hint)


def _tls(env: Environment) -> Iterator[Contradiction]:
    hub, tls = env.hub, env.tls
    if hub.email is not None and tls != "hub":
        what = "email is for tls: hub only, nobody else asks for a certificate"
        yield Contradiction(("hub", "email"), what, "tls-mode-mismatch", "leave it out")


def _generation(env: Environment) -> Iterator[Contradiction]:
    hub, known = env.hub, GENERATIONS[env.hub.version]
    problem = None if env.platform == "frankenphp" else image_problem(hub.release, hub.version)
    if problem:
        hint = f"pin a release, e.g. image: {known.image}"
        yield Contradiction(("hub", "image"), problem, "hub-upgrade-break", hint)
    yield from _bundles(env)
    if hub.version == "1.0":
        if hub.legacy_clients and env.keys.algorithm in {"RS256", "ES256"}:
            what = f"0.x tokens signed with {env.keys.algorithm} are not known to work on hub 1.0"
            yield Contradiction(
                ("hub", "legacy_clients"), what, "alg-mismatch", "use an HS algorithm until all apps are 1.0"
            )
        return
    for word, said in (("issuer", hub.issuer is not None), ("legacy_clients", hub.legacy_clients)):
        if said:
            hint = 'leave it out, or set version: "1.0"'
            yield Contradiction(("hub", word), f"{word} is for hub 1.0 only", "hub-upgrade-break", hint)


def _bundles(env: Environment) -> Iterator[Contradiction]:
    for name, app in env.apps.items():
        if env.hub.version == "1.0" and not env.modern(app) and not env.hub.legacy_clients:
            what = f"mercure-bundle {app.bundle} speaks 0.x only"
            hint = "upgrade it to 0.5 or newer, or set legacy_clients: true until then"
            yield Contradiction(("apps", name, "bundle"), what, "hub-upgrade-break", hint)
        if env.hub.cookie_name and app.subscribe and not env.modern(app):
            what = "mercure-bundle knows no cookie_name before 0.5, its cookie would not be looked at"
            path: Path = ("apps", name, "bundle") if app.bundle else ("hub", "cookie_name")
            hint = f'say apps.{name}.bundle: "0.5" when it has that, or leave cookie_name out'
            yield Contradiction(path, what, "credentials-not-sent", hint)


def _keys(env: Environment) -> Iterator[Contradiction]:
    if env.keys.token_lifetime > env.keys.max_age:
        what = f"is longer than max_age, {duration_text(env.keys.max_age)}: a key would be old before its tokens are"
        hint = "tokens of an hour are enough for most pages, e.g. token_lifetime: 1h"
        yield Contradiction(("keys", "token_lifetime"), what, "token-lifecycle", hint)


def _transport(env: Environment) -> Iterator[Contradiction]:
    """A transport of a module, whose matter the history is, and in whose options no secret stands."""
    hub, transport = env.hub, env.hub.transport
    if transport is None:
        return
    if "history" in hub.model_fields_set:
        what = f"is the business of the transport {transport.name}"
        hint = "say it among its options, as its documentation has it; or leave transport out"
        yield Contradiction(("hub", "history"), what, None, hint)
    if transport.shared and hub.image is None and hub.binary is None:
        what = f"the hub's own image has no transport {transport.name}"
        yield Contradiction(("hub", "transport"), what, "transport-not-shared", "say image: with one that has")
    for name, text in transport.options.items():
        if _SECRET_URL.search(text) or (_SECRET_NAME.search(name) and "{env." not in text):
            what = "holds a secret, and the files with it are for everybody"
            hint = "write {env.NAME}, and set that variable where the hub runs"
            yield Contradiction(("hub", "transport", "options", name), what, "secret-exposure", hint)


def _directives(env: Environment) -> Iterator[Contradiction]:
    for index, problem, hint in directive_problems(env.hub.directives, env.hub.version):
        yield Contradiction(("hub", "directives", index), problem, "directive-syntax", hint)


def _apps(env: Environment) -> Iterator[Contradiction]:
    for name, app in env.apps.items():
        if name == "hub":
            what = "the name hub is taken, hub.env belongs to the hub"
            yield Contradiction(("apps", name), what, None, "choose another name for the app")
        if app.origins and not app.subscribe:
            what = "has no effect with subscribe: false"
            yield Contradiction(("apps", name, "origins"), what, "cors-origin-mismatch", "leave one of the two out")
        if app.url == env.hub_seen_by(app) and name != env.home:
            yield from _one_origin(name, env)


def _one_origin(name: str, env: Environment) -> Iterator[Contradiction]:
    if env.hub.proxy == "traefik" or env.platform == "kubernetes":
        # the rule or path that we write is the hub's alone
        return
    path, what = ("apps", name, "url"), "app and hub share one origin"
    if env.tls == "hub":
        hint = "both need port 443: put a proxy in front of the two, and set tls: proxy"
        yield Contradiction(path, what, "port-conflict", hint, "warning")
    else:
        hint = f"the proxy must route {env.hub.path} to the hub, nothing else, and without stripping the prefix"
        yield Contradiction(path, what, "proxy-not-routing", hint, "warning")


def _pages(env: Environment) -> Iterator[Contradiction]:
    """Does the cookie that each page gets reach the hub?"""
    for name, app in env.apps.items():
        for path, page in _pages_of(name, app):
            hub = env.hub_seen_by(app)
            # plain http in production has been said already
            if env.mode == "development" or page.scheme == hub.scheme == "https":
                yield from _reach(path, page, hub, env)


def _pages_of(name: str, app: App) -> Iterator[tuple[Path, Origin]]:
    if app.subscribe:
        yield ("apps", name, "url"), app.url
        for index, origin in enumerate(app.origins):
            # any host below the wildcard stands for all of them
            yield ("apps", name, "origins", index), Origin(origin.scheme, origin.host.replace("*", "any"), origin.port)


def _reach(path: Path, page: Origin, hub: Origin, env: Environment) -> Iterator[Contradiction]:
    verdict = cookies.reach(page, hub, cookie_name=env.hub.cookie)
    if not verdict.sent:
        id_ = "cross-site-domain" if verdict.cause in {"exception", "public-suffix"} else "cookie-scope"
        what = f"its cookie never reaches {hub}: {verdict.reason}"
        yield Contradiction(path, what, id_, _cure(verdict.cause, page, hub))
    elif verdict.domain and cookies.shared_with_strangers(verdict.domain):
        what = f"its cookie goes to every host below {verdict.domain.lstrip('.')}, to strangers too"
        yield Contradiction(path, what, "shared-domain", "use a domain of your own for app and hub")


_OWN_DOMAIN = "put app and hub under one domain of your own, e.g. app.example.com and hub.example.com"
_OTHER_WAYS = (
    f"{_OWN_DOMAIN}; or say accept: [cross-site-domain] and have the pages send the token themselves, as"
    " Authorization: Bearer"
)
_CURES = {
    "prefix": "use https (tls: hub makes a local certificate in development), or cookie_name: mercure_access_token",
    "scheme": "use the same scheme for app and hub",
    "localhost": "use localhost for both, with other ports, or app.x.localhost and hub.x.localhost",
    "ip": "give the hub a name below the app's domain, e.g. hub.example.com for app.example.com",
    "exception": _OTHER_WAYS,
    "public-suffix": _OTHER_WAYS,
}


def _cure(cause: str | None, page: Origin, hub: Origin) -> str:
    if cause == "ip" and page.is_local and hub.is_local:
        return f"write the same name in both: {page.host}, or {hub.host}"
    return _CURES.get(cause or "", _OWN_DOMAIN)

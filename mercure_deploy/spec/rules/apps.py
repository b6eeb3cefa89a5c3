"""Rules between apps and between environments: what each of them may have for itself alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mercure_deploy.facts import cookies
from mercure_deploy.facts.cookies import Scope
from mercure_deploy.spec.contradiction import Contradiction, Path
from mercure_deploy.spec.models import App, Environment, Spec

if TYPE_CHECKING:
    from mercure_deploy.facts.origins import Origin
    from mercure_deploy.findings import Level

_Owner = tuple[str, str]


def rules(spec: Spec) -> Iterator[Contradiction]:
    """What apps and environments of one spec take from each other."""
    yield from _urls(spec)
    yield from _aliases(spec)
    yield from _collisions(spec)


def _urls(spec: Spec) -> Iterator[Contradiction]:
    """No URL may belong to two apps or to two environments."""
    owners: dict[Origin, _Owner] = {}
    for name, env in spec.environments.items():
        urls: list[tuple[Path, Origin, str]] = [(("hub", "url"), env.hub.url, "its hub")]
        for app, value in env.apps.items():
            urls.append((("apps", app, "url"), value.url, f"app {app}"))
            if value.hub_url:
                urls.append((("apps", app, "hub_url"), value.hub_url, "its hub"))
        for path, url, owner in urls:
            first = owners.setdefault(url, (name, owner))
            # app and hub of one environment may share an origin: the cookie is host-only then
            if first != (name, owner) and (first[0] != name or "its hub" not in {first[1], owner}):
                what = f"{url} is claimed by {first[1].replace('its', 'the')} of {first[0]} already"
                hint = "every app and every environment needs a URL of its own"
                yield Contradiction(("environments", name, *path), what, "public-url-wrong", hint)


def _aliases(spec: Spec) -> Iterator[Contradiction]:
    """No two hubs may have one name in one docker network: half of what is published would go astray."""
    owners: dict[tuple[str, str], str] = {}
    for name, env in spec.environments.items():
        if env.alias:
            network = env.hub.network or "coolify"
            first = owners.setdefault((network, env.alias), name)
            if first != name:
                what = f"the hub of {first} has that name in the network {network} already"
                hint = f"give each hub a name of its own, e.g. http://hub-{name}"
                yield Contradiction(("environments", name, "hub", "internal_url"), what, "internal-url-wrong", hint)


@dataclass
class _Jar:
    """Cookies of one name and path: the first app that has one of a domain, of what is below it, of what is above."""

    exact: dict[str, _Owner] = field(default_factory=dict)
    wide: dict[str, _Owner] = field(default_factory=dict)
    under: dict[str, _Owner] = field(default_factory=dict)

    def other(self, scope: Scope, owner: _Owner) -> _Owner | None:
        """Another app whose cookie a browser has beside this one, or instead of it."""
        found = [self.exact.get(scope.domain), *(self.wide.get(parent) for parent in _parents(scope.domain))]
        found += [self.under.get(scope.domain)] if scope.below else []
        return next((each for each in found if each and each != owner), None)

    def add(self, scope: Scope, owner: _Owner) -> None:
        """Put a cookie in."""
        self.exact.setdefault(scope.domain, owner)
        if scope.below:
            self.wide.setdefault(scope.domain, owner)
        for parent in _parents(scope.domain):
            self.under.setdefault(parent, owner)


def _collisions(spec: Spec) -> Iterator[Contradiction]:
    """Cookies of one name and path whose domains overlap: the hub gets the wrong one, or both."""
    jars: dict[tuple[str, str], _Jar] = {}
    for name, env in spec.environments.items():
        jar = jars.setdefault((env.hub.cookie, env.hub.path), _Jar())
        for app, value in env.apps.items():
            scopes, owner = _scopes(env, value), (name, app)
            other = next(filter(None, (jar.other(scope, owner) for scope in scopes)), None)
            if other:
                level: Level = "note" if "cookie-scope" in env.accept else "warning"
                both = f"its cookie {env.hub.cookie} and that of {_named(other, name)}"
                what = f"{both} get in each other's way in one browser"
                path = ("environments", name, "apps", app, "url")
                yield Contradiction(path, what, "cookie-scope", _cure(spec, owner, other), level)
            for scope in scopes:
                jar.add(scope, owner)


def _scopes(env: Environment, app: App) -> list[Scope]:
    pages = [app.url, *app.origins] if app.subscribe else []
    found = (cookies.scope(page, env.hub_seen_by(app)) for page in pages)
    return list(dict.fromkeys(scope for scope in found if scope))


def _named(owner: _Owner, here: str) -> str:
    return f"app {owner[1]}" if owner[0] == here else f"app {owner[1]} of {owner[0]}"


def _cure(spec: Spec, owner: _Owner, other: _Owner) -> str:
    """What keeps the two cookies apart: a value is proposed only after it was tried on them."""
    for moved in ((owner,), (other,), (owner, other)):
        tried = {each: _below_its_own(spec, each) for each in moved}
        if all(tried.values()) and not _overlap(*(_changed(spec, each, tried.get(each)) for each in (owner, other))):
            said = [f"hub_url: {url} for {_named(each, owner[0])}" for each, url in tried.items()]
            return f"a name of the hub below the app's own host, which leads to the same hub: {', '.join(said)}"
    another = "another cookie_name for one of the hubs (mercure-bundle 0.5)"
    domain = "a domain that is not below the other's"
    return f"no hub_url keeps them apart: {domain}" + ("" if owner[0] == other[0] else f", or {another}")


def _below_its_own(spec: Spec, owner: _Owner) -> "Origin | None":
    """A name of the hub below the host of that app; None where it has that already, or its cookie would not arrive."""
    env = spec.environments[owner[0]]
    app = env.apps[owner[1]]
    hub = replace(env.hub_seen_by(app), host=f"hub.{app.url.host}")
    pages = [app.url, *(page for page in app.origins if "*" not in page.host)]
    reached = all(cookies.reach(page, hub, cookie_name=env.hub.cookie).sent for page in pages)
    return hub if hub != env.hub_seen_by(app) and reached else None


def _changed(spec: Spec, owner: _Owner, hub: "Origin | None") -> list[Scope]:
    env = spec.environments[owner[0]]
    app = env.apps[owner[1]]
    return _scopes(env, app.model_copy(update={"hub_url": hub}) if hub else app)


def _overlap(first: Sequence[Scope], second: Sequence[Scope]) -> bool:
    jar = _Jar()
    for scope in first:
        jar.add(scope, ("", "first"))
    return any(jar.other(scope, ("", "second")) for scope in second)


def _parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[number:]) for number in range(1, len(labels))]

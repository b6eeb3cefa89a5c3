"""The conversation of app, hub, proxy and browser, step by step: which works, which fails, and what files do not tell.

A step fails by the finding that stands in its way, works where the simulation knows all that it needs, and is unknown
otherwise; what depends on a failed step is not judged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mercure_deploy.facts import cookies
from mercure_deploy.findings import Finding
from mercure_deploy.lint import sites
from mercure_deploy.lint.proxies import arrivals
from mercure_deploy.readers.keys import Key, is_known
from mercure_deploy.readers.setup import Setup
from mercure_deploy.simulation.hub import Hub, hubs
from mercure_deploy.simulation.modern import modern

Name = Literal[
    "start", "sign", "publish-arrive", "publish-accept", "page", "subscribe-arrive", "subscribe-accept", "cors",
    "stream", "private", "strangers",
]  # fmt: skip
Outcome = Literal["works", "fails", "unknown"]

# which step a finding stands in the way of, and what each step needs first
_FAILS: dict[Name, frozenset[str]] = {
    "start": frozenset("directive-syntax port-conflict hub-upgrade-break storage-permissions".split()),
    "sign": frozenset("key-too-short key-quoting pem-in-env jwt-key-confusion key-missing".split()),
    "publish-arrive": frozenset(
        "internal-url-wrong tls-untrusted-publish server-name-mismatch tls-mode-mismatch proxy-not-routing".split()
    ),
    "publish-accept": frozenset(
        "key-mismatch alg-mismatch audience-mismatch topic-claim-mismatch token-lifecycle".split()
    ),
    "page": frozenset("cookie-scope cross-site-domain".split()),
    "subscribe-arrive": frozenset("public-url-wrong tooling-override".split()),
    "subscribe-accept": frozenset({"credentials-not-sent"}),
    "cors": frozenset("cors-origin-missing cors-origin-mismatch cors-wildcard-credentials".split()),
    "stream": frozenset("proxy-timeout-buffering http1-connection-limit transport-not-shared".split()),
    "private": frozenset({"anonymous-private-mix"}),
    "strangers": frozenset("anonymous key-placeholder".split()),
}
_NEEDS: dict[Name, tuple[Name, ...]] = {
    "publish-arrive": ("start",),
    "publish-accept": ("start", "sign", "publish-arrive"),
    "subscribe-arrive": ("start",),
    "subscribe-accept": ("start", "sign", "page", "subscribe-arrive"),
    "cors": ("start", "subscribe-arrive"),
    "stream": ("start", "subscribe-arrive"),
    "private": ("publish-accept", "subscribe-accept", "cors", "stream"),
    "strangers": ("start",),
}


@dataclass(frozen=True)
class Step:
    """One step for an app with its hub, each named by where it stands (None where it is nowhere).

    `id` is the finding that a step fails by; `because` says why, or what files would have to tell.
    """

    hub: str | None
    app: str | None
    step: Name
    outcome: Outcome
    id: str | None
    because: str


def play(setup: Setup, findings: Sequence[Finding]) -> list[Step]:
    """The steps of one setup, in their order; `findings` are what was found in it."""
    found = hubs(setup)
    scene = _Scene(setup, found[0] if len(found) == 1 else None)
    errors = [finding for finding in findings if finding.level == "error"]
    own = {value.place for value in (*setup.app.values(), *setup.symfony.values())}
    done: dict[Name, tuple[Outcome, str | None, str]] = {}
    for name, ids in _FAILS.items():
        before = next((each for each in _NEEDS.get(name, ()) if done[each][0] == "fails"), None)
        wrong = next(
            (finding for finding in errors if _stands_in(name, finding, ids, of_app=finding.place in own)), None
        )
        if before is not None:
            done[name] = ("unknown", None, f"not judged, as {before} fails")
        elif wrong is not None:
            done[name] = ("fails", wrong.id, wrong.what)
        else:
            missing = _KNOWN[name](scene)
            done[name] = ("unknown", None, f"not told: {missing}") if missing else ("works", None, _WORKS[name])
    hub = setup.somewhere.file if setup.hub or setup.blocks or setup.hub_services else None
    app = next((value.place.file for value in setup.app.values()), None)
    return [Step(hub or None, app, name, *each) for name, each in done.items()]


def _stands_in(name: Name, finding: Finding, ids: frozenset[str], *, of_app: bool) -> bool:
    if finding.id in {"key-missing", "alg-mismatch"} and not of_app and "does not start" in finding.what:
        return name == "start"
    if finding.id == "hub-upgrade-break" and of_app:
        return name == "publish-accept"
    return finding.id in ids


@dataclass(frozen=True)
class _Scene:
    setup: Setup
    hub: Hub | None

    def start(self) -> str | None:
        hub = self.hub
        if hub is None:
            return "the settings of one hub 0.24"
        unknown = [name for name in ("publisher", "subscriber") if hub.role(name).key is None]
        return f"the key of the hub for {unknown[0]}s" if unknown else None

    def sign(self) -> str | None:
        return None if self._key() else "MERCURE_JWT_SECRET"

    def _key(self) -> str | None:
        value = self.setup.app.get("MERCURE_JWT_SECRET")
        known = value is not None and is_known(Key("app", value))
        return value.text if value is not None and known and value.place not in self.setup.assumed else None

    def publish_arrive(self) -> str | None:
        internal, known = self.setup.internal, sites.sites(self.setup)
        if internal is None or internal[1].place in self.setup.assumed:
            return "where MERCURE_URL is set"
        there = known is not None and internal[0].host in self.setup.hub_names
        return None if known and there and sites.answer(known, internal[0]) == "hub" else "the way from app to hub"

    def accept(self, role: str) -> str | None:
        key = self._key()
        if modern(self.setup) is not None:
            return "what hub 1.0 answers to the app's tokens"
        if self.hub is None or key is None:
            return "the keys of app and hub"
        # an algorithm that the bundle is told is compared by its rule
        return None if self.hub.takes(role, key, "HS256") else "the keys of app and hub"

    def page(self) -> str | None:
        hub, pages = self.setup.hub_origin, self.setup.pages
        if not pages or hub is None:
            return "the origins of the pages (--app-url)" if not pages else "the hub's public URL (--hub-url)"
        return None if all(cookies.reach(page, hub).sent for page in pages) else "whether the cookie is sent"

    def subscribe_arrive(self) -> str | None:
        known, public = sites.sites(self.setup), self.setup.public
        if public is None or public[1].place in self.setup.assumed:
            return "where MERCURE_PUBLIC_URL is set"
        met = [came for _, came, _, _ in arrivals(self.setup)]
        if met and all(came == "hub" for came in met):
            return None
        ports = {host for service in self.setup.hub_services for host, _, _ in service.ports}
        direct = known is not None and public[0].number in ports and sites.answer(known, public[0]) == "hub"
        return None if direct else "the way from browsers to the hub"

    def cors(self) -> str | None:
        hub, pages = self.hub, self.setup.pages
        if not pages:
            return "the origins of the pages (--app-url)"
        own = self.setup.hub_origin
        fine = hub is not None and all(page == own or hub.lets_in(str(page)) for page in pages)
        return None if fine else "the origins that the hub lets in"

    def stream(self) -> str | None:
        return None if any(True for _ in arrivals(self.setup)) else "the proxy before the hub"

    def strangers(self) -> str | None:
        if self.hub is None:
            return "the settings of one hub 0.24"
        return "whether all updates are public: anonymous is said" if self.hub.anonymous else None


_KNOWN: dict[Name, Callable[[_Scene], str | None]] = {
    "start": _Scene.start,
    "sign": _Scene.sign,
    "publish-arrive": _Scene.publish_arrive,
    "publish-accept": lambda scene: scene.accept("publisher"),
    "page": _Scene.page,
    "subscribe-arrive": _Scene.subscribe_arrive,
    "subscribe-accept": lambda scene: scene.accept("subscriber"),
    "cors": _Scene.cors,
    "stream": _Scene.stream,
    "private": lambda _: "the topics that pages ask for",
    "strangers": _Scene.strangers,
}
_WORKS: dict[Name, str] = {
    "start": "the hub starts with these settings",
    "sign": "the app has a key that its library takes",
    "publish-arrive": "MERCURE_URL leads to the hub",
    "publish-accept": "the hub takes what the app signs",
    "page": "the browser keeps the cookie and sends it to the hub",
    "subscribe-arrive": "the public URL leads to the hub",
    "subscribe-accept": "the hub takes the cookie",
    "cors": "the pages are let in",
    "stream": "nothing on the way keeps the stream back",
    "private": "",
    "strangers": "nobody gets in without a token",
}

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


@dataclass(frozen=True)
class _Scene:
    """What the steps are judged by: the files, and the hub where it is one of 0.24 alone."""

    setup: Setup
    hub: Hub | None

    @property
    def key(self) -> str | None:
        """The app's key, None where nobody can tell."""
        value = self.setup.app.get("MERCURE_JWT_SECRET")
        known = value is not None and is_known(Key("app", value))
        return value.text if value is not None and known and value.place not in self.setup.assumed else None

    def accepts(self, role: str) -> str | None:
        """What files do not tell of whether the hub takes the app's tokens for a role."""
        key = self.key
        if modern(self.setup) is not None:
            return "what hub 1.0 answers to the app's tokens"
        if self.hub is None or key is None:
            return "the keys of app and hub"
        # an algorithm that the bundle is told is compared by its rule
        return None if self.hub.takes(role, key, "HS256") else "the keys of app and hub"


Judge = Callable[["_Scene"], str | None]


@dataclass(frozen=True)
class _Played:
    """A step: what files do not tell of it, what it says when it works, the findings it fails by, what it needs."""

    missing: Judge
    works: str
    fails: frozenset[str]
    needs: tuple[Name, ...]


_STEPS: dict[Name, _Played] = {}


def step(name: Name, works: str, fails: str, needs: tuple[Name, ...] = ()) -> Callable[[Judge], Judge]:
    """Add a step to the conversation, in the order of this file.

    The function says what files would have to tell, None where the step works; `fails` are the ids of findings that
    stand in its way, `needs` the steps without which it is not judged.
    """

    def add(function: Judge) -> Judge:
        _STEPS[name] = _Played(function, works, frozenset(fails.split()), needs)
        return function

    return add


@step(
    "start",
    "the hub starts with these settings",
    "directive-syntax port-conflict hub-upgrade-break storage-permissions",
)
def _start(scene: _Scene) -> str | None:
    hub = scene.hub
    if hub is None:
        return "the settings of one hub 0.24"
    unknown = [name for name in ("publisher", "subscriber") if hub.role(name).key is None]
    return f"the key of the hub for {unknown[0]}s" if unknown else None


@step(
    "sign",
    "the app has a key that its library takes",
    "key-too-short key-quoting pem-in-env jwt-key-confusion key-missing",
)
def _sign(scene: _Scene) -> str | None:
    return None if scene.key else "MERCURE_JWT_SECRET"


@step(
    "publish-arrive",
    "MERCURE_URL leads to the hub",
    "internal-url-wrong tls-untrusted-publish server-name-mismatch tls-mode-mismatch proxy-not-routing",
    needs=("start",),
)
def _publish_arrive(scene: _Scene) -> str | None:
    internal, known = scene.setup.internal, sites.sites(scene.setup)
    if internal is None or internal[1].place in scene.setup.assumed:
        return "where MERCURE_URL is set"
    there = known is not None and internal[0].host in scene.setup.hub_names
    return None if known and there and sites.answer(known, internal[0]) == "hub" else "the way from app to hub"


@step(
    "publish-accept",
    "the hub takes what the app signs",
    "key-mismatch alg-mismatch audience-mismatch topic-claim-mismatch token-lifecycle",
    needs=("start", "sign", "publish-arrive"),
)
def _publish_accept(scene: _Scene) -> str | None:
    return scene.accepts("publisher")


@step(
    "page",
    "the browser keeps the cookie and sends it to the hub",
    "cookie-scope cross-site-domain",
)
def _page(scene: _Scene) -> str | None:
    hub, pages = scene.setup.hub_origin, scene.setup.pages
    if not pages or hub is None:
        return "the origins of the pages (--app-url)" if not pages else "the hub's public URL (--hub-url)"
    return None if all(cookies.reach(page, hub).sent for page in pages) else "whether the cookie is sent"


@step(
    "subscribe-arrive",
    "the public URL leads to the hub",
    "public-url-wrong tooling-override",
    needs=("start",),
)
def _subscribe_arrive(scene: _Scene) -> str | None:
    known, public = sites.sites(scene.setup), scene.setup.public
    if public is None or public[1].place in scene.setup.assumed:
        return "where MERCURE_PUBLIC_URL is set"
    met = [came for _, came, _, _ in arrivals(scene.setup)]
    if met and all(came == "hub" for came in met):
        return None
    ports = {host for service in scene.setup.hub_services for host, _, _ in service.ports}
    direct = known is not None and public[0].number in ports and sites.answer(known, public[0]) == "hub"
    return None if direct else "the way from browsers to the hub"


@step(
    "subscribe-accept",
    "the hub takes the cookie",
    "credentials-not-sent",
    needs=("start", "sign", "page", "subscribe-arrive"),
)
def _subscribe_accept(scene: _Scene) -> str | None:
    return scene.accepts("subscriber")


@step(
    "cors",
    "the pages are let in",
    "cors-origin-missing cors-origin-mismatch cors-wildcard-credentials",
    needs=("start", "subscribe-arrive"),
)
def _cors(scene: _Scene) -> str | None:
    hub, pages = scene.hub, scene.setup.pages
    if not pages:
        return "the origins of the pages (--app-url)"
    own = scene.setup.hub_origin
    fine = hub is not None and all(page == own or hub.lets_in(str(page)) for page in pages)
    return None if fine else "the origins that the hub lets in"


@step(
    "stream",
    "nothing on the way keeps the stream back",
    "proxy-timeout-buffering http1-connection-limit transport-not-shared",
    needs=("start", "subscribe-arrive"),
)
def _stream(scene: _Scene) -> str | None:
    return None if any(True for _ in arrivals(scene.setup)) else "the proxy before the hub"


@step(
    "private",
    "a private update reaches who may see it",
    "anonymous-private-mix",
    needs=("publish-accept", "subscribe-accept", "cors", "stream"),
)
def _private(_: _Scene) -> str | None:
    return "the topics that pages ask for"


@step(
    "strangers",
    "nobody gets in without a token",
    "anonymous key-placeholder",
    needs=("start",),
)
def _strangers(scene: _Scene) -> str | None:
    if scene.hub is None:
        return "the settings of one hub 0.24"
    return "whether all updates are public: anonymous is said" if scene.hub.anonymous else None


def play(setup: Setup, findings: Sequence[Finding]) -> list[Step]:
    """The steps of one setup, in their order; `findings` are what was found in it."""
    found = hubs(setup)
    scene = _Scene(setup, found[0] if len(found) == 1 else None)
    errors = [(finding, _stopped_by(finding, setup)) for finding in findings if finding.level == "error"]
    done: dict[Name, tuple[Outcome, str | None, str]] = {}
    for name, played in _STEPS.items():
        before = next((each for each in played.needs if done[each][0] == "fails"), None)
        in_the_way = (each for each, step in errors if (each.id in played.fails if step is None else step == name))
        wrong = next(in_the_way, None)
        if before is not None:
            done[name] = ("unknown", None, f"not judged, as {before} fails")
        elif wrong is not None:
            done[name] = ("fails", wrong.id, wrong.what)
        else:
            missing = played.missing(scene)
            done[name] = ("unknown", None, f"not told: {missing}") if missing else ("works", None, played.works)
    hub = setup.somewhere.file if setup.hub or setup.blocks or setup.hub_services else None
    app = next((value.place.file for value in setup.app.values()), None)
    return [Step(hub or None, app, name, *each) for name, each in done.items()]


def _stopped_by(finding: Finding, setup: Setup) -> Name | None:
    """The step that it stands in the way of, where its id alone does not say it."""
    of_app = any(finding.place == value.place for value in (*setup.app.values(), *setup.symfony.values()))
    of_pages = setup.public is not None and finding.place == setup.public[1].place
    if finding.id in {"key-missing", "alg-mismatch"} and not of_app and "does not start" in finding.what:
        return "start"
    if "Symfony does not start" in finding.what:
        return "sign"
    if finding.id == "hub-upgrade-break" and of_app:
        return "publish-accept"
    return "subscribe-arrive" if of_pages and finding.id in _STEPS["publish-arrive"].fails else None

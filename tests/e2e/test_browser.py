"""The promise: deployed from the rendered files as they are, a page in a real browser gets its private update.

And each way to break it shows what the tool predicts.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import engine
import httpx
import programs
import proxies
import pytest
import stack
from cases import APPS, rendered
from conftest import MINIMAL, Run
from playwright.sync_api import Browser, Playwright, sync_playwright

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.against("hub", "engine", "compose", "php", "symfony", "symfony_newer", "chromium"),
]

ROOT = Path(__file__).parent.parent.parent
ARTIFACTS = ROOT / "artifacts"
APP, HUB = "https://app.example.com", "https://hub.example.com"
Mode = tuple[dict[str, object], str, str]
INSIDE: dict[str, object] = {"delivery": "environment", "internal_url": "http://hub-shop"}
MODES = [
    pytest.param(({}, "HS256", "symfony"), id="caddyfile"),
    pytest.param((INSIDE, "HS256", "symfony_newer"), id="environment"),
    pytest.param(({}, "HS512", "symfony_newer"), id="HS512"),
    pytest.param(({}, "RS256", "symfony"), id="RS256"),
    pytest.param(({}, "ES256", "symfony_newer"), id="ES256"),
]


@pytest.fixture(scope="module")
def machine() -> Iterator[str]:
    with stack.visitors_machine() as network:
        yield network


@pytest.fixture(scope="module")
def edge(machine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Edge]:  # noqa: ARG001 - its address
    with stack.edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(
    playwright: Playwright, machine: str, edge: stack.Edge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    with stack.chromium(playwright, machine, tmp_path_factory.mktemp("browser"), [edge.root]) as running:
        yield running


class Site:
    """A hub on the engine and its apps behind the proxy, deployed from the files of one environment."""

    def __init__(self, docker: engine.Docker, edge: stack.Edge, folder: Path, url: str) -> None:
        self.project, self.edge, self.folder, self.url = engine.Project(docker, folder), edge, folder, url
        self.apps: dict[str, stack.App] = {}
        # the authorities that app and browser trust
        self.roots = [edge.root]

    @property
    def app(self) -> stack.App:
        return self.apps["app"]

    def start_hub(self) -> None:
        """Deploy the hub; the proxy reaches its container, as Coolify's does, and the apps do by the service's name."""
        self.project.up()
        address = self.project.address()
        self.edge.lead(address)
        stack.hosts(inside=address)
        self.wait_for_hub()

    def start_hub_with_tls(self, place: Path) -> None:
        """Deploy a hub that needs no proxy; its authority joins those that are trusted."""
        self.project.up()
        stack.hosts(hub=engine.SERVER, inside=engine.SERVER)
        root = "exec -T mercure cat /data/caddy/pki/authorities/local/root.crt".split()
        programs.wait(lambda: "END CERTIFICATE" in self.project.compose(*root, check=False), "the hub's authority")
        place.write_text(self.project.compose(*root))
        self.roots.append(place)
        self.wait_for_hub()

    def wait_for_hub(self) -> None:
        programs.wait(lambda: self.status() == 401, "the hub answers")

    def status(self) -> int:
        """What the hub, or the proxy in its place, answers to a stranger."""
        return stack.status(f"{self.url}{programs.HUB_PATH}?topic=x", self.roots)


Deploy = Callable[..., Site]


@pytest.fixture
def deploy(docker: engine.Docker, edge: stack.Edge, tmp_path: Path) -> Iterator[Deploy]:
    """Deploy what was rendered in a folder: deploy(folder, "app", suite=..., url=..., tls=...)."""
    with ExitStack() as stays:

        def call(folder: Path, *names: str, suite: str = "symfony", url: str = HUB, tls: str = "proxy") -> Site:
            site = Site(docker, edge, folder, url)
            stays.callback(site.project.down)
            stays.callback(show_logs, site, tmp_path)
            if tls == "proxy":
                site.start_hub()
            else:
                site.start_hub_with_tls(tmp_path / "hub.pem")
            for name in names:
                app = stack.app(name, folder, tmp_path / f"deployed-{name}", roots=site.roots, suite=suite)
                site.apps[name] = stays.enter_context(app)
            return site

        yield call


def show_logs(site: Site, deployed: Path) -> None:
    """What hub and apps said; pytest shows it where a test fails."""
    print(site.project.compose("logs", "--no-log-prefix", check=False))
    for log in sorted(deployed.glob("deployed-*/php.log")):
        print(log.read_text())


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Path:
    """How the screenshots of this test are called."""
    return ARTIFACTS / re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")


@pytest.fixture
def visit(deploy: Deploy, browser: Browser, pictures: Path) -> Iterator[stack.Visits]:  # noqa: ARG001 - outlives it
    """Open a page; all are closed before the site goes."""
    with stack.visits(browser, pictures) as opened:
        yield opened


def works(site: Site, visit: stack.Visits) -> stack.Visit:
    """A private update reaches the page of who may see it, and no other; the page."""
    reader, other, nobody = (visit(f"{APP}/?user={user}") for user in ("reader", "other", "nobody"))
    for page, status, state in ((reader, 200, "open"), (other, 200, "open"), (nobody, 401, "closed")):
        page.state(state)
        page.answered(status)
    assert (reader.hub, other.hub) == ([200], [200])
    assert nobody.cookie == {}
    status, identifier = site.app.publish("<b>private</b> é")
    assert (status, identifier[:9]) == (200, "urn:uuid:")
    reader.shows("<b>private</b> é")
    # the public update comes later: who has it would have had the other before
    assert site.app.publish("public", private=False)[0] == 200
    reader.shows("<b>private</b> é", "public")
    other.shows("public")
    assert (reader.console, other.console) == ([], [])
    return reader


@pytest.mark.proves("A private update appears on the page of who may see it and on no other; a visitor gets 401")
@pytest.mark.parametrize("mode", MODES)
def test_a_private_update_reaches_the_page(tmp_path: Path, deploy: Deploy, visit: stack.Visits, mode: Mode):
    words, algorithm, suite = mode
    site = deploy(rendered(tmp_path, ("coolify", words), APPS["one"], algorithm), "app", suite=suite)
    cookie = works(site, visit).cookie
    kept = {name: cookie[name] for name in ("domain", "path", "secure", "httpOnly", "sameSite")}
    expected = {
        "domain": ".example.com",
        "path": programs.HUB_PATH,
        "secure": True,
        "httpOnly": True,
        "sameSite": "Strict",
    }
    assert kept == expected
    shown = ["401", f"access-control-allow-origin: {APP}", "401"]
    assert curl_lines(site.folder, site.edge.root) == [*shown, "urn:uuid:"]
    # a hub with another key than this folder's: the last line says so
    programs.run("rotate-keys", "production", "--now", "--yes", "-f", str(tmp_path / "mercure.yaml"))
    assert curl_lines(site.folder, site.edge.root) == [*shown, "Unauthorized"]


def curl_lines(folder: Path, root: Path) -> list[str]:
    """What the commands at the end of the environment's README print: statuses, and the header that they are about."""
    [block] = re.findall(r"## Does it work\?\n\n```sh\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    run = ["bash", "-euc", block]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "CURL_CA_BUNDLE": str(root)}
    place = folder.parents[1]
    said = subprocess.run(run, cwd=place, env=environment, capture_output=True, text=True, check=True)
    assert said.stderr == ""
    *lines, last = [line.strip() for line in said.stdout.splitlines()]
    shown = [line for line in lines if line.isdigit() or line.startswith("access-control-allow-origin")]
    return [*shown, last[:9] if last.startswith("urn:") else last]


@pytest.mark.proves("The same with a hub that terminates TLS itself; http is redirected")
def test_a_hub_that_terminates_tls_itself(
    playwright: Playwright, machine: str, tmp_path: Path, deploy: Deploy, pictures: Path
):
    environment = {"mode": "development", "platform": "compose", "hub": {"url": HUB}, "apps": APPS["one"]}
    spec = {"version": 1, "environments": {"dev": environment}}
    programs.run("render", "-f", str(programs.spec_text(spec, tmp_path / "mercure.yaml")))
    site = deploy(tmp_path / "deploy/dev", "app", tls="hub")
    with (
        stack.chromium(playwright, machine, tmp_path / "browser", site.roots) as browser,
        stack.visits(browser, pictures) as visit,
    ):
        works(site, visit)
    plain = httpx.get(f"http://hub.example.com{programs.HUB_PATH}", trust_env=False)
    assert (plain.status_code, plain.headers["location"]) == (308, f"{HUB}{programs.HUB_PATH}")
    [command] = pages_of_curl("http")
    assert asked(command, site.edge.root).startswith(f"308 {HUB}{programs.HUB_PATH}")


@pytest.mark.proves(
    "A first hour: `init`, the lines of its README, nginx with its snippet, a page that shows an update"
)
@pytest.mark.against("hub", "engine", "compose", "nginx", "php", "symfony", "chromium")
def test_a_first_hour(docker: engine.Docker, edge: stack.Edge, tmp_path: Path, browser: Browser, pictures: Path):
    words = ["--app", APP, "--hub", HUB, "--platform", "compose", "--tls", "proxy", "--port", "8080"]
    init = [str(Path(sys.executable).parent / "mercure-deploy"), "init", *words]
    subprocess.run(init, cwd=tmp_path, check=True, capture_output=True)
    folder = tmp_path / "deploy/production"
    [up] = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("docker compose up")]
    (tmp_path / "nginx").mkdir()
    place = proxies.Place(tmp_path / "nginx", folder / "README.md", 80, shared=False)
    with ExitStack() as stays:
        stays.callback(docker, "compose", "down", "-v", "-t", "0", cwd=folder)
        docker(*up.removeprefix("docker ").split(), cwd=folder)
        stays.enter_context(proxies.nginx(place))
        # certificates are the business of what stands before it
        edge.lead("127.0.0.1")
        stack.hosts()
        app = stays.enter_context(stack.app("app", folder, tmp_path / "app", roots=[edge.root]))
        visit = stays.enter_context(stack.visits(browser, pictures))
        page = visit(APP)
        page.state("open")
        assert app.publish("the first one")[0] == 200
        page.shows("the first one")
        assert curl_lines(folder, edge.root)[-1] == "urn:uuid:"
        for command in pages_of_curl("https"):
            said = asked(command, edge.root)
            assert "401" in said or "Unauthorized" in said or "http_version" in command or "-sS" in command, command


def pages_of_curl(scheme: str) -> list[str]:
    """The commands of the pages of `explain` that ask a hub."""
    texts = [path.read_text() for path in sorted((Path(__file__).parents[2] / "docs/findings").glob("*.md"))]
    lines = {line for text in texts for line in text.splitlines() if line.startswith("curl ")}
    return sorted(line for line in lines if f"'{scheme}://hub.example.com" in line)


def asked(command: str, root: Path) -> str:
    environment = {"PATH": "/usr/bin:/bin", "CURL_CA_BUNDLE": str(root)}
    run = ["bash", "-c", command]
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.proves("A page whose stream was closed for good opens it again with a fresh cookie, and misses nothing")
def test_a_page_reopens_a_stream_that_was_closed_for_good(tmp_path: Path, deploy: Deploy, visit: stack.Visits):
    site = deploy(rendered(tmp_path, ("coolify", {}), APPS["one"]), "app")
    page = visit(APP)
    page.state("open")
    assert site.app.publish("before")[0] == 200
    page.shows("before")
    first = page.cookie["value"]
    site.project.compose("stop")
    page.state("closed")
    # the proxy's own 502 has no CORS header: what the console says of it misleads
    page.said("No 'Access-Control-Allow-Origin' header is present")
    assert site.status() == 502
    site.start_hub()
    # published while the page waits: it is either replayed or comes live
    assert site.app.publish("meanwhile")[0] == 200
    page.state("open")
    page.shows("before", "meanwhile")
    assert page.cookie["value"] != first
    assert site.app.publish("after")[0] == 200
    page.shows("before", "meanwhile", "after")


@pytest.mark.proves("Two apps share a hub; an origin that is not in the spec is blocked by CORS")
def test_two_apps_on_two_domains_and_a_stranger(tmp_path: Path, deploy: Deploy, visit: stack.Visits):
    apps = {name: {"url": f"https://{name}.example.com"} for name in ("app", "shop")}
    site = deploy(rendered(tmp_path, ("coolify", {}), apps), "app", "shop")
    pages = [visit(f"https://{name}.example.com/") for name in apps]
    for page in pages:
        page.state("open")
    assert site.apps["app"].publish("from the app")[0] == 200
    assert site.apps["shop"].publish("from the shop")[0] == 200
    for page in pages:
        page.shows("from the app", "from the shop")
    # the same app under a name that the spec does not have: the cookie is right, the origin is not
    stranger = visit("https://stranger.example.com/")
    stranger.state("closed")
    assert stranger.cookie["domain"] == ".example.com"
    stranger.said("blocked by CORS policy")


LISTEN = """(hub) => {
    window.heard = [];
    const stream = new EventSource(hub, {withCredentials: true});
    stream.onmessage = (event) => window.heard.push(event.data);
    return new Promise((open) => { stream.onopen = open; });
}"""


def two_apps(
    folder: Path, deploy: Deploy, visit: stack.Visits, apps: dict[str, object]
) -> tuple[Site, list[stack.Visit]]:
    """Shop and admin in one browser: a customer of the shop whose second tab is the admin's page of another book."""
    site = deploy(rendered(folder, ("coolify", {}), apps), "shop", "admin")
    shop = visit("https://shop.example.com/")
    shop.state("open")
    admin = visit("https://admin.example.com/?user=other", beside=shop)
    admin.state("open")
    # the stream of the shop's page begins anew, as it does when the hub was restarted or the laptop slept
    shop.page.evaluate(LISTEN, shop.page.evaluate("hub"))
    assert site.apps["shop"].publish("private")[0] == 200
    assert site.apps["shop"].publish("public", private=False)[0] == 200
    shop.page.wait_for_function("window.heard.includes('public')")
    return shop, admin


@pytest.mark.proves("Two apps whose hub has a name below each one's own host: in one browser both keep their streams")
def test_two_apps_with_a_hub_name_each(tmp_path: Path, deploy: Deploy, visit: stack.Visits, run: Run):
    hosts = {"shop": "shop.example.com", "admin": "admin.example.com"}
    apps: dict[str, object] = {
        name: {"url": f"https://{host}", "hub_url": f"https://hub.{host}"} for name, host in hosts.items()
    }
    shop, admin = two_apps(tmp_path, deploy, visit, apps)
    assert "cookie-scope" not in run("check").out
    assert shop.page.evaluate("window.heard") == ["private", "public"]
    admin.shows("public")
    assert {cookie["domain"] for cookie in shop.context.cookies()} == {f".{host}" for host in hosts.values()}


@pytest.mark.proves(
    "Two apps under one cookie: in one browser one of them loses its private updates, as the warning says"
)
def test_two_apps_under_one_cookie(tmp_path: Path, deploy: Deploy, visit: stack.Visits, run: Run):
    apps: dict[str, object] = {name: {"url": f"https://{name}.example.com"} for name in ("shop", "admin")}
    shop, _ = two_apps(tmp_path, deploy, visit, apps)
    assert "that of app shop get in each other's way in one browser [cookie-scope]" in run("check").out
    assert shop.page.evaluate("window.heard") == ["public"]
    assert len(shop.context.cookies()) == 1


@pytest.mark.proves("`localhost` with a hub below it is refused, and rightly: the browser does not send the cookie")
@pytest.mark.parametrize(
    ("pair", "sent"),
    [
        (("localhost", "hub.localhost", "localhost"), False),
        (("app.x.localhost", "hub.x.localhost", ".x.localhost"), True),
    ],
)
def test_a_hub_below_localhost(browser: Browser, run: Run, pair: tuple[str, str, str], sent: bool):
    app, hub, domain = pair
    spec = MINIMAL.replace("  production:", "  dev:\n    mode: development").replace(APP, f"https://{app}")
    said = run("render", "--dry-run", spec=spec.replace(HUB, f"https://{hub}"))
    assert (said.code == 0, "[cookie-scope]" in said.err) == (sent, not sent)
    context = browser.new_context()
    # what Symfony sets for that pair
    cookie = f"mercureAuthorization=x; path={programs.HUB_PATH}; domain={domain}; secure; httponly; samesite=strict"
    headers = {"Set-Cookie": cookie, "Content-Type": "text/html"}
    context.route("**/*", lambda route: route.fulfill(status=200, headers=headers, body="<p>a page</p>"))
    context.new_page().goto(f"https://{app}/")
    kept = context.cookies(f"https://{hub}{programs.HUB_PATH}")
    context.close()
    assert bool(kept) == sent


@pytest.mark.proves("A key changed by hand on one side: 401 in the app and on the page, and `check` had named the file")
@pytest.mark.parametrize("side", ["app.env", "hub.env"])
def test_a_key_changed_by_hand_on_one_side(tmp_path: Path, deploy: Deploy, visit: stack.Visits, run: Run, side: str):
    folder = rendered(tmp_path, ("coolify", {}), APPS["one"])
    file = folder / side
    key, _ = programs.signing(folder / "app.env", folder / "manifest.json")
    file.write_text(file.read_text().replace(key, "made-up-by-hand-0123456789abcdef"))
    said = run("check")
    assert (said.code, said.out) == (1, f"changed production/{side}\n")
    site = deploy(folder, "app")
    page = visit(APP)
    page.state("closed")
    page.answered(401)
    assert page.cookie
    status, causes = site.app.publish("x")
    assert status == 502
    assert "HTTP/1.1 401 Unauthorized" in causes


@pytest.mark.proves("Under a public suffix the spec is refused, and rightly: the browser drops the cookie")
@pytest.mark.parametrize("suffix", ["github.io", "s.brave.app"], ids=["rule", "base of a wildcard rule"])
def test_under_a_public_suffix(tmp_path: Path, deploy: Deploy, visit: stack.Visits, run: Run, suffix: str):
    app, hub = f"https://app-books.{suffix}", f"https://hub-books.{suffix}"
    spec = MINIMAL.replace(APP, app).replace(HUB, hub)
    refused = run("render", spec=spec)
    assert refused.code == 2
    assert "[cross-site-domain]" in refused.err
    assert run("render", spec=f"{spec}    accept: [cross-site-domain]\n").code == 0
    site = deploy(tmp_path / "deploy/production", "app", url=hub)
    page = visit(app)
    page.state("closed")
    page.answered(401)
    # Symfony raised nothing and sent the cookie, the browser dropped it
    assert page.cookie == {}
    assert site.app.publish("x")[0] == 200


@pytest.mark.proves("A page that was away while the hub restarted gets what it missed")
def test_history_reaches_a_page_that_was_away_while_the_hub_restarted(
    tmp_path: Path, deploy: Deploy, visit: stack.Visits
):
    folder = rendered(tmp_path, ("coolify", {}), APPS["one"])
    site = deploy(folder, "app")
    page = visit(APP)
    page.state("open")
    assert site.app.publish("seen")[0] == 200
    page.shows("seen")
    page.page.goto("about:blank")
    assert site.app.publish("missed")[0] == 200
    site.project.compose("restart")
    site.start_hub()
    # until something is published the hub does not find what it has kept (measured): a warm-up on any topic
    warm_up = programs.token(site.project.key(), publish=["*"])
    assert programs.publish(warm_up, programs.topic(), "", host=site.project.address()) == 200
    page.page.goto(APP)
    page.state("open")
    page.shows("missed")


@pytest.mark.proves(
    "`rotate-keys --now`, deployed as the README of the environment says: it works again, the old cookie is refused"
)
def test_every_key_replaced_at_once(tmp_path: Path, deploy: Deploy, visit: stack.Visits, run: Run):
    folder = rendered(tmp_path, ("coolify", {}), APPS["one"])
    site = deploy(folder, "app")
    before = visit(APP)
    before.state("open")
    old = before.cookie
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    # as the README of the environment says: the hub, then the apps
    site.start_hub()
    site.app.deploy(folder)
    # the page from before gets a fresh cookie by itself
    before.state("open")
    after = visit(APP)
    after.state("open")
    assert site.app.publish("with the new key")[0] == 200
    for page in (before, after):
        page.shows("with the new key")
    refused = visit(f"{APP}/?user=nobody", old)
    refused.state("closed")
    refused.answered(401)
    assert refused.cookie["value"] == old["value"]


def test_the_demo_shows_what_it_promises():
    programs.need_isolation()
    said = subprocess.run([sys.executable, str(ROOT / "scripts/demo")], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")
    assert "created production/shop.env" in said.stdout
    shown = {line[2:66].strip(): line[66:].strip() for line in said.stdout.splitlines() if line.startswith("  ")}
    assert shown["a page without a cookie subscribes"] == "401, refused"
    assert shown["the page receives"] == "a private update"
    assert shown["the other page receives"] == "nothing"
    assert shown["somebody with another key publishes"] == "401, refused"
    assert shown["may pages of https://evil.example.org read it?"] == "no"
    assert shown["the page shows"] == "3 copies left, one was just sold / The price is now 12.90 €"
    assert (ROOT / "demo/page-1.png").read_bytes().startswith(b"\x89PNG")

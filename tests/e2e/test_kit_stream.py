"""The script of the kit in Chromium, Firefox and WebKitGTK, on the real hub behind TLS, with the real app."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import browsers
import httpx
import modern
import programs
import pytest
from cases import rendered

from mercure_deploy.cli import main

pytestmark = [pytest.mark.e2e, pytest.mark.against("hub", "php", "symfony_newer", "chromium", "firefox", "webkit")]
HERE = Path(__file__).parent.parent / "kit"
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
ADDRESS, APP, HUB = "192.0.2.1", "https://app.example.com", "https://hub.example.com"
EDGE = """\
{{
	admin localhost:2020
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	default_bind {address}
	servers {{
		protocols {protocols}
	}}
}}
https://hub.example.com {{
	tls internal
	reverse_proxy 127.0.0.1:{hub} {{
		flush_interval -1
	}}
}}
https://app.example.com {{
	tls internal
	reverse_proxy 127.0.0.1:8001
}}
"""
PROTOCOLS = {"h1": "h1", "h2": "h1 h2"}


class Site:
    """A hub, an app with the kit in it, an edge with TLS before both; all of one rendered environment."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.folder, self.deployed, self.project = folder, folder / "deploy/production", folder / "project"
        self.root = folder / "caddy/pki/authorities/local/root.crt"
        self.hub_stays = ExitStack()

    def start_hub(self) -> None:
        """The hub as it is rendered, with an empty history."""
        if self.port != 80:
            self.hub_stays.enter_context(modern.core(self.deployed, self.folder, port=self.port))
            return
        hub = self.hub_stays.enter_context(programs.hub(self.deployed, self.folder))
        self.process, self.argv, self.log = hub.process, hub.argv, hub.log

    def restart_hub(self) -> None:
        """The same hub, killed and started again on its history, with what is rendered now."""
        service, configs = programs.compose_service(self.deployed)
        said = Path(f"/proc/{self.process.pid}/environ").read_bytes().decode().split("\0")
        environment = dict(line.split("=", 1) for line in said if line)
        environment |= {str(k): str(v).replace("$$", "$") for k, v in service.get("environment", {}).items()}  # type: ignore[attr-defined]
        for file in service.get("configs", []):  # type: ignore[attr-defined]
            Path(file["target"]).write_text(configs[file["source"]]["content"].replace("$$", "$"))
        self.process.kill()
        self.process.wait()
        self.process = self.hub_stays.enter_context(programs.process(self.argv, environment, self.log))
        programs.wait(lambda: programs.listens(80) or self.process.poll() is not None, "the hub is back")
        assert self.process.poll() is None, self.log.read_text()[-3000:]

    def deploy_app(self) -> None:
        """Give the app what was rendered for it; it reaches the hub by its own address."""
        env = (self.deployed / "app.env").read_text()
        (self.project / "app.env").write_text(
            env.replace(f"MERCURE_URL={HUB}", f"MERCURE_URL=http://127.0.0.1:{self.port}")
        )

    def publish(self, text: str, of: str = "jane", kind: str = "") -> None:
        """A private update of that user, by the app; `kind` is its type."""
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.get("http://127.0.0.1:8001/publish", params={"text": text, "of": of, "kind": kind})
        assert answer.status_code == 200, answer.text[:500]

    def rotate(self, *arguments: str) -> int:
        """The next step of a rotation, or why not yet; what it wrote is deployed."""
        code = main(["rotate-keys", "production", *arguments, "--yes", "-f", str(self.folder / "mercure.yaml")])
        self.restart_hub()
        self.deploy_app()
        return code


@contextmanager
def site(
    folder: Path,
    protocols: str = "h2",
    lifetime: int | None = None,
    version: str = "0.24",
    suite: str = "symfony_newer",
) -> Iterator[Site]:
    """Everything, where the names lead to a further address of this machine; a cookie lives `lifetime` seconds."""
    programs.need_isolation()
    subprocess.run(["ip", "addr", "replace", f"{ADDRESS}/32", "dev", "lo"], check=True)
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} app.example.com hub.example.com\n")
    keys = {"algorithm": "HS256", "token_lifetime": "1m"}
    bundle = "0.6" if suite == "symfony_newest" else "0.4"
    rendered(folder, ("coolify", {"version": version}), {"app": {"url": APP, "bundle": bundle}}, keys=keys)
    made = Site(folder, 80 if version == "0.24" else modern.PORT)
    made.project.mkdir()
    (made.project / "composer.json").write_text("{}")
    assert main(["kit", "production", "app", str(made.project), "-f", str(folder / "mercure.yaml")]) == 0
    (made.project / "templates/page.html.twig").write_bytes((HERE / "page.html.twig").read_bytes())
    if lifetime:
        config = made.project / "config/packages/mercure.yaml"
        config.write_text(re.sub(r"lifetime: \d+", f"lifetime: {lifetime}", config.read_text()))
    (folder / "Caddyfile").write_text(EDGE.format(address=ADDRESS, protocols=PROTOCOLS[protocols], hub=made.port))
    found = programs.tools("hub", "php", suite)
    edge = [found["hub"], "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    home = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    app = [found["php"], "-S", "127.0.0.1:8001", str(HERE / "serve.php")]
    environment = {
        "PATH": os.environ["PATH"],
        "SYMFONY": found[suite],
        "PROJECT": str(made.project),
        "APP_VAR": str(folder / "var"),
        "PHP_CLI_SERVER_WORKERS": "8",
    }
    made.deploy_app()
    (folder / "var/sessions").mkdir(parents=True)
    with (
        made.hub_stays,
        programs.process(edge, home, folder / "edge.log"),
        programs.process(app, environment, folder / "php.log"),
    ):
        made.start_hub()
        programs.wait(lambda: programs.listens(8001) and made.root.exists(), "the app and the edge")
        yield made


class Page:
    """The page of a user, with the stream of the kit on it."""

    def __init__(self, browser: browsers.Browser) -> None:
        self.browser, self.ask = browser, browser.ask

    def log_in(self, user: str) -> None:
        """As a script of the app would."""
        self.browser.goto(f"{APP}/signed-out")
        said = json.dumps(json.dumps({"username": user, "password": user}))
        head = "headers: {'Content-Type': 'application/json'}"
        self.ask(
            f"fetch('/login', {{method: 'POST', {head}, body: {said}}}).then((one) => {{ window.got = one.status }});"
        )
        programs.wait(lambda: self.ask("return window.got ?? 0") == 200, f"{user} is logged in")

    def open(self, user: str, **options: object) -> None:
        """The page of that user's updates; `options` are those of the script, in ms."""
        self.browser.goto(f"{APP}/signed-out")
        self.ask(f"window.name = {json.dumps(json.dumps(options))};")
        self.browser.goto(f"{APP}/?of={user}")

    @property
    def state(self) -> object:
        return self.ask("return document.querySelector('[data-mercure-stream]')?.dataset.state ?? null")

    @property
    def shown(self) -> list[str]:
        found: list[str] = self.ask(
            "return [...document.querySelectorAll('#updates li')].map((one) => one.textContent)"
        )
        return found

    @property
    def opened(self) -> int:
        """How often a stream was opened since the page was loaded."""
        return int(self.ask("return window.opened?.length ?? 0"))

    def says(self, wanted: str, seconds: float = 60) -> None:
        """Wait for that state."""
        try:
            programs.wait(lambda: self.state == wanted, f"the page says {wanted}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.ask('return window.states')}, {self.shown}") from None

    def shows(self, *wanted: str, seconds: float = 60) -> None:
        """Wait until these updates, and no others, are there, each once."""
        try:
            programs.wait(lambda: len(self.shown) >= len(wanted), f"{len(wanted)} updates", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.ask('return window.states')}, {self.shown}") from None
        assert self.shown == list(wanted)


@contextmanager
def page(name: str, made: Site) -> Iterator[Page]:
    """A page in that browser, which trusts the edge; a picture of it is left."""
    with browsers.browser(name, made.folder / f"browser-{name}", [made.root]) as browser:
        yield Page(browser)
        if name != "webkit":  # whose driver waits for a frame that is never drawn without a compositor
            ARTIFACTS.mkdir(exist_ok=True)
            browser.picture(ARTIFACTS / f"kit-{name}.png")


@pytest.mark.proves("The stream of `kit` stays: after a download, a killed hub, the back button, and for no other user")
@pytest.mark.parametrize("protocols", PROTOCOLS)
@pytest.mark.parametrize("name", browsers.NAMES)
def test_a_stream_stays(tmp_path: Path, name: str, protocols: str):
    with site(tmp_path, protocols) as made, page(name, made) as there:
        there.log_in("jane")
        # a reset over HTTP/2 is never told by WebKit: a silence is, here after seconds
        there.open("jane", silence=8000)
        there.says("open")
        made.publish("one")
        there.shows("one")
        # a click on what turns out to be a file
        there.ask("document.getElementById('download').click();")
        time.sleep(3)
        made.publish("two")
        there.shows("one", "two")
        there.says("open")
        # the hub dies in mid-stream, and is back
        made.restart_hub()
        made.publish("three")
        there.shows("one", "two", "three")
        # away and back: what came meanwhile is asked for
        there.ask("document.getElementById('away').click();")
        programs.wait(lambda: there.ask("return document.title") == "Signed out", "away")
        made.publish("four")
        there.browser.back()
        programs.wait(lambda: "four" in there.shown, f"what was missed; {there.shown}")
        made.publish("five")
        programs.wait(lambda: "five" in there.shown, "what comes")
        assert [text for text in there.shown if text in {"four", "five"}] == ["four", "five"]
        # never two at once
        alive = "return (window.streams ?? []).filter((one) => one.readyState !== 2).length"
        programs.wait(lambda: there.ask(alive) == 1, "one stream alone")


@pytest.mark.parametrize("name", browsers.NAMES)
def test_a_key_that_is_replaced_at_once_costs_a_page_seconds(tmp_path: Path, name: str):
    """The cookie would be good for an hour, and is refused from one moment to the next; so is the app, for a while."""
    with site(tmp_path, lifetime=3600) as made, page(name, made) as there:
        there.log_in("jane")
        there.open("jane", silence=8000)
        there.says("open")
        made.publish("one")
        there.shows("one")
        assert made.rotate("--now") == 0
        made.publish("two")
        there.shows("one", "two", seconds=45)
        there.says("open")
        # an update with a type of its own, which the page names
        there.open("jane", events=["book"])
        there.says("open")
        made.publish("three", kind="book")
        made.publish("four")
        there.shows("three", "four")


@pytest.mark.proves("After a logout, `kit` leaves no cookie with which the next user sees the former one's updates")
@pytest.mark.parametrize("name", browsers.NAMES)
def test_after_a_logout_nothing_of_the_former_user_is_seen(tmp_path: Path, name: str):
    with site(tmp_path) as made, page(name, made) as there:
        there.log_in("jane")
        there.open("jane")
        there.says("open")
        there.ask("document.getElementById('logout').click();")
        programs.wait(lambda: there.ask("return document.title") == "Signed out", "logged out")
        # the page of the former user, by its address
        there.open("jane")
        there.says("refused")
        # and by hand, as a page of somebody else would
        there.ask(
            f"""window.stream = new EventSource({json.dumps(f"{HUB}{programs.HUB_PATH}?topic={APP}/users/jane")},
            {{withCredentials: true}});"""
        )
        programs.wait(lambda: there.ask("return window.stream.readyState") == 2, "the hub refuses")
        there.log_in("joe")
        there.open("joe")
        there.says("open")
        made.publish("of jane")
        made.publish("of joe", of="joe")
        there.shows("of joe")


@pytest.mark.proves("A page of `kit` gets each private update once through ten lifetimes of its token and rotations")
@pytest.mark.slow
def test_a_page_outlives_its_token_ten_times(tmp_path: Path):
    lifetime = 15
    with site(tmp_path, lifetime=lifetime) as made, ExitStack() as stays:
        pages = [stays.enter_context(page(name, made)) for name in browsers.NAMES]
        for there in pages:
            there.log_in("jane")
            there.open("jane", silence=20_000)
            there.says("open")
        texts: list[str] = []

        def publish(seconds: float) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                texts.append(f"{len(texts)}")
                made.publish(texts[-1])
                time.sleep(1)

        refused = made.log.read_text().count('"status":401')
        publish(4 * lifetime)
        # renewed in time: nobody was refused
        assert made.log.read_text().count('"status":401') == refused
        made.restart_hub()
        publish(lifetime)
        # the hub learns the new key, the apps change over, and the old one goes after its last token: a minute
        assert made.rotate() == made.rotate("--deployed") == 0
        publish(5)
        assert made.rotate("--deployed") == 1
        publish(4 * lifetime + 5)
        assert made.rotate("--deployed") == 0
        publish(lifetime)
        assert made.rotate("--now") == 0
        publish(2 * lifetime)
        for there in pages:
            there.shows(*texts)
            there.says("open")
            # renewals and the hub's ends, not a loop
            assert there.opened < 40


@pytest.mark.proves(
    "A right that is taken away ends the stream of `kit` within a lifetime; a sleep and retry: 0 do no harm"
)
@pytest.mark.parametrize("name", browsers.NAMES)
def test_a_stream_ends_where_it_should(tmp_path: Path, name: str):
    with site(tmp_path, lifetime=15) as made, page(name, made) as there:
        there.log_in("jane")
        # a hub that ends each stream at once, and says to come back at once
        there.open("jane", hub=f"{APP}/loop", renew="/mercure/token?topic[]=" + f"{APP}/users/jane")
        time.sleep(6)
        assert 2 <= there.opened <= 8
        assert there.state == "retrying"
        there.open("jane")
        there.says("open")
        # a laptop that slept for an hour
        before = there.opened
        there.ask("const real = Date.now; Date.now = () => real.call(Date) + 3600000;")
        programs.wait(lambda: there.opened > before, "a new stream after the sleep")
        there.says("open")
        made.publish("awake")
        there.shows("awake")
        # somebody who may no longer
        there.ask("fetch('/logout');")
        there.says("refused", 20)
        made.publish("not for her any more")
        time.sleep(2)
        assert there.shown == ["awake"]


@pytest.mark.parametrize(
    ("version", "suite"), [("0.24", "symfony"), ("0.24", "symfony_newest"), ("1.0", "symfony_newest")]
)
def test_with_each_bundle_and_hub(tmp_path: Path, version: str, suite: str):
    with site(tmp_path, lifetime=15, version=version, suite=suite) as made, page("chromium", made) as there:
        there.log_in("jane")
        there.open("jane", silence=4000)
        there.says("open")
        made.publish("one")
        there.shows("one")
        # opened anew after a silence, with what was missed asked for and nothing twice
        before = there.opened
        programs.wait(lambda: there.opened > before, "opened anew")
        there.says("open")
        made.publish("two")
        there.shows("one", "two")
        time.sleep(15)
        made.publish("three")
        there.shows("one", "two", "three")


def test_a_screen_reader_and_a_keyboard_see_the_state(tmp_path: Path):
    with site(tmp_path) as made, page("chromium", made) as there:
        there.log_in("jane")
        there.open("jane")
        there.says("open")
        chromium = there.browser
        assert isinstance(chromium, browsers.Chromium)
        status = chromium.page.get_by_role("status")
        assert status.text_content() == "Live updates are on"
        assert chromium.page.get_by_role("region", name="New books").count() == 1
        assert there.ask("return document.querySelector('output').getAttribute('aria-live')") == "polite"

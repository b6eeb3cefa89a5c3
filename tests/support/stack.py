"""The rest of the way from a hub to a page: the TLS proxy, the Symfony app, and a visitor's Chromium."""

import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import programs
from engine import SERVER
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Response

# Addresses of documentation (RFC 5737), in networks of the tests' own. The engine publishes on SERVER, as on a machine
# of its own, so that the hub and the proxy can both have port 443.
PROXY, VISITOR = "192.0.2.2", "192.0.2.10"
# the names that the proxy knows: the port of the app behind each, None for a hub
NAMES = {
    "hub.example.com": None,
    "app.example.com": 8001,
    "shop.example.com": 8002,
    "admin.example.com": 8003,
    "stranger.example.com": 8001,
    "hub.shop.example.com": None,
    "hub.admin.example.com": None,
    "hub-books.github.io": None,
    "app-books.github.io": 8001,
    "hub-books.s.brave.app": None,
    "app-books.s.brave.app": 8001,
}
EDGE = """\
{{
	admin off
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	default_bind {address}
	log {{
		format json
	}}
}}
"""
EDGE_SITE = """
https://{name} {{
	tls internal
	log
	reverse_proxy {upstream}
}}
"""
CHROMIUM = [
    "--no-sandbox",  # root needs it
    "--disable-quic",  # takes no certificate of a private authority
    *"--disable-gpu --disable-dev-shm-usage --no-first-run --no-proxy-server".split(),
    *"--disable-background-networking --disable-component-update --disable-sync".split(),
]
HERE = Path(__file__).parent.parent


@contextmanager
def visitors_machine() -> Iterator[str]:
    """A network that only has a cable to this one; yields its path, for nsenter.

    The browser runs there because the engine makes and removes bridges here, and Chromium gives up what it is loading
    whenever an interface changes (ERR_NETWORK_CHANGED).
    """
    programs.need_isolation()
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], start_new_session=True)
    path = f"/proc/{holder.pid}/ns/net"
    try:
        programs.wait(
            lambda: Path(path).readlink() != Path("/proc/self/ns/net").readlink(), "a network for the visitor"
        )
        inside = ["nsenter", f"--net={path}", "ip"]
        ours = [
            f"link add visitor type veth peer name server netns {holder.pid}",
            f"addr add {SERVER}/24 dev visitor",
            f"addr add {PROXY}/24 dev visitor",
            "link set visitor up",
        ]
        theirs = [
            "link set server addrgenmode none",  # no IPv6 address that becomes valid later
            f"addr add {VISITOR}/24 dev server",
            "link set lo up",
            "link set server up",
        ]
        for command in [["ip", *words.split()] for words in ours] + [[*inside, *words.split()] for words in theirs]:
            subprocess.run(command, check=True)
        # complete before a browser sees it, or it sees a change
        show = [*inside, "-brief", "link", "show", "server"]
        programs.wait(lambda: b" UP " in subprocess.run(show, check=True, capture_output=True).stdout, "the cable")
        yield path
    finally:
        holder.kill()
        holder.wait()


class Edge:
    """What ends TLS in front of hub and apps, as Coolify's proxy does, with an authority of its own."""

    def __init__(self, folder: Path) -> None:
        self.root, self.route = folder / "caddy/pki/authorities/local/root.crt", folder / "hub"

    def lead(self, address: str) -> None:
        """The hub is there from now on, at port 80 of this address."""
        new = self.route.with_suffix(".new")
        new.write_text(address)
        new.replace(self.route)


@contextmanager
def edge(folder: Path) -> Iterator[Edge]:
    started = Edge(folder)
    started.lead("127.0.0.1")
    # read at each request
    hub = f"{{file.{started.route}}}"
    config = folder / "Caddyfile"
    sites = (EDGE_SITE.format(name=name, upstream=f"127.0.0.1:{port}" if port else hub) for name, port in NAMES.items())
    config.write_text(EDGE.format(address=PROXY) + "".join(sites))
    argv = [programs.tools("hub")["hub"], "run", "--config", str(config), "--adapter", "caddyfile"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    hosts()
    with programs.process(argv, environment, folder / "log") as process:

        def ready() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            return started.root.exists() and all(status(f"https://{name}", [started.root]) for name in NAMES)

        programs.wait(ready, "the proxy has its certificates")
        yield started


def hosts(*, hub: str = PROXY, inside: str = "127.0.0.1") -> None:
    """All names lead to the proxy, but for a hub without one; `inside` is where the hub's private name leads."""
    names = {"localhost": "127.0.0.1", **dict.fromkeys(NAMES, PROXY), "hub.example.com": hub, "hub-shop": inside}
    Path("/etc/hosts").write_text("".join(f"{address} {name}\n" for name, address in names.items()))


def status(url: str, roots: Sequence[Path]) -> int:
    """The status of a GET that trusts these authorities, 0 without an answer."""
    context = ssl.create_default_context(cadata="".join(root.read_text() for root in roots))
    try:
        with httpx.Client(verify=context, trust_env=False) as client, client.stream("GET", url) as answer:
            return answer.status_code
    except httpx.TransportError:
        return 0


class App:
    """A deployed Symfony app."""

    def __init__(self, name: str, port: int, place: Path) -> None:
        self.name, self.port, self.place = name, port, place

    def deploy(self, folder: Path) -> None:
        """Give it what was rendered for it, as a redeploy does."""
        shutil.copy(folder / f"{self.name}.env", self.place / "app.env")

    def publish(self, text: str, *, private: bool = True) -> tuple[int, str]:
        """Have it publish an update of its book; status and body of its answer."""
        form = {"text": text, **({} if private else {"public": "on"})}
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.post(f"http://127.0.0.1:{self.port}/", data=form)
        return answer.status_code, answer.text


@contextmanager
def app(
    name: str,
    folder: Path,
    place: Path,
    *,
    roots: Sequence[Path],
    suite: str = "symfony",
    checked: str = "",
    debug: bool = False,
    config: Path | None = None,
) -> Iterator[App]:
    """The app `name` of the environment rendered in `folder`; its page also shows the JSON file `checked`.

    `debug` is Symfony's, `config` another configuration of the bundle than the rendered one, or the recipe's.
    """
    found, port = programs.tools("php", suite), NAMES[f"{name}.example.com"]
    place.mkdir(parents=True)
    (place / "roots.pem").write_text("".join(root.read_text() for root in roots))
    own = config or folder / f"symfony/{name}.mercure.yaml"
    environment = {
        "PATH": os.environ["PATH"],
        "SSL_CERT_FILE": str(place / "roots.pem"),
        "SYMFONY": found[suite],
        "APP_ENV_FILE": str(place / "app.env"),
        "APP_MERCURE": str(own if own.exists() else HERE / "php/recipe.mercure.yaml"),
        "APP_PAGES": str(HERE.parent / "examples"),
        "APP_VAR": str(place),
        "APP_CHECKED": checked,
        "APP_DEBUG": "1" if debug else "",
    }
    argv = [found["php"], "-S", f"127.0.0.1:{port}", str(HERE / "app/index.php")]
    deployed = App(name, port, place)
    deployed.deploy(folder)
    with programs.process(argv, environment, place / "php.log") as process:

        def ready() -> bool:
            assert process.poll() is None, (place / "php.log").read_text()
            return programs.listens(port)

        programs.wait(ready, f"the app {name} listens")
        yield deployed


@contextmanager
def chromium(playwright: Playwright, machine: str, home: Path, roots: Sequence[Path]) -> Iterator[Browser]:
    """Chromium on the visitor's machine, trusting these authorities; no certificate error is ignored."""
    found = programs.tools("chromium", "certutil")
    store = home / ".pki/nssdb"
    store.mkdir(parents=True)
    certutil = [found["certutil"], "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True, capture_output=True)
    for number, root in enumerate(roots):
        add = ["-A", "-t", "C,,", "-n", f"root-{number}", "-i", str(root)]
        subprocess.run([*certutil, *add], check=True, capture_output=True)
    program = home / "chromium"
    program.write_text(f'#!/bin/sh\nexec nsenter --net={machine} "{found["chromium"]}" "$@"\n')
    program.chmod(0o755)
    environment: dict[str, str | float | bool] = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": tempfile.gettempdir(),
    }
    browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM, env=environment)
    try:
        yield browser
    finally:
        browser.close()


class Visit:
    """One page, in a browser profile of its own, and what became of it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.console: list[str] = []
        self.hub: list[int] = []
        self.page.on("console", self._console)
        self.page.on("response", self._response)
        self.page.goto(url, wait_until="domcontentloaded")

    def _console(self, message: ConsoleMessage) -> None:
        self.console.append(message.text)

    def _response(self, response: Response) -> None:
        if programs.HUB_PATH in response.url:
            self.hub.append(response.status)

    def answered(self, status: int) -> None:
        """Wait until this is the hub's last answer to the page."""
        self._while_asked(lambda: self.hub[-1:] == [status], f"{status} from the hub")

    def said(self, text: str) -> None:
        """Wait for a line of the console with this text."""
        self._while_asked(lambda: any(text in line for line in self.console), f"{text} on the console")

    def _while_asked(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that comes as an event: those are taken in while the page is asked something."""

        def seen() -> bool:
            self.page.evaluate("0")
            return condition()

        try:
            programs.wait(seen, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.hub}, {self.console}") from error

    def state(self, expected: str) -> None:
        """Wait until the page's stream is in this state: open, closed (for good) or retrying."""
        script = "(expected) => document.getElementById('state').textContent === expected"
        self._until(script, expected)

    def shows(self, *texts: str) -> None:
        """Wait until the page has received exactly these updates."""
        script = "(n) => document.querySelectorAll('#updates li').length >= n"
        self._until(script, len(texts))
        assert self.page.locator("#updates li").all_text_contents() == list(texts)

    def _until(self, script: str, argument: object) -> None:
        try:
            self.page.wait_for_function(script, arg=argument)
        except Exception as error:
            seen = self.page.locator("#state, #updates li").all_text_contents()
            raise AssertionError(f"not: {script} with {argument}; {seen}, {self.hub}, {self.console}") from error

    @property
    def cookie(self) -> dict[str, Any]:
        """The cookie for the hub, empty where the browser has none."""
        found = [each for each in self.context.cookies() if each.get("name") == "mercureAuthorization"]
        return found[0] if found else {}


@contextmanager
def visits(browser: Browser, pictures: Path) -> Iterator["Visits"]:
    """Pages that are closed again, each with a screenshot under that name and its number."""
    with ExitStack() as stack:
        yield Visits(browser, pictures, stack)


class Visits:
    def __init__(self, browser: Browser, pictures: Path, stack: ExitStack) -> None:
        self.browser, self.pictures, self.stack, self.count = browser, pictures, stack, 0

    def __call__(self, url: str, *cookies: dict[str, Any], beside: Visit | None = None) -> Visit:
        """Open a page in a profile of its own, which has these cookies; or in that of another page."""
        context = beside.context if beside else self.browser.new_context(viewport={"width": 1180, "height": 720})
        context.add_cookies(list(cookies))
        context.set_default_timeout(30_000)
        if not beside:
            self.stack.callback(context.close)
        visit = Visit(context, url)
        self.count += 1
        self.stack.callback(visit.page.screenshot, path=f"{self.pictures}-{self.count}.png")
        return visit

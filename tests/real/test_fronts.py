"""What lint says of a proxy before a hub, and what the real proxy does: generated configurations, of each a hundred."""

import http.client
import json
import os
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import fronts
import programs
import proxies
import pytest

from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.findings import Finding
from mercure_deploy.lint import Told, examine

pytestmark = [pytest.mark.real, pytest.mark.against("nginx", "apache", "haproxy", "hub")]

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N_FRONTS", "100"))
APACHE_MODULES = "mpm_event authz_core authn_core authz_user auth_basic authn_file proxy proxy_http headers".split()
HAPROXY = """\
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s

frontend web
    bind 127.0.0.1:80
"""


def nginx(here: Path, texts: list[str]) -> tuple[list[str], dict[str, str]]:
    (here / "nginx.conf").write_text(proxies.NGINX.format(here=here, body="".join(texts)))
    program = f"{programs.tools('proxies')['proxies']}/usr/sbin/nginx"
    return [program, "-p", str(here), "-e", str(here / "log"), "-c", str(here / "nginx.conf")], {}


def apache(here: Path, texts: list[str]) -> tuple[list[str], dict[str, str]]:
    root = Path(programs.tools("proxies")["proxies"])
    modules = "\n".join(f"LoadModule {name}_module modules/mod_{name}.so" for name in APACHE_MODULES)
    head = f"ServerRoot {root}/usr/lib/apache2\n{modules}\nServerName localhost\nPidFile {here}/pid\n"
    (here / "apache.conf").write_text(f"{head}ErrorLog {here}/log\nListen 127.0.0.1:80\n" + "".join(texts))
    [libraries] = root.glob("usr/lib/*-linux-gnu")
    return [f"{root}/usr/sbin/apache2", "-X", "-f", str(here / "apache.conf")], {"LD_LIBRARY_PATH": str(libraries)}


def caddy(here: Path, texts: list[str]) -> tuple[list[str], dict[str, str]]:
    (here / "Caddyfile").write_text("{\nadmin off\n}\n" + "".join(texts))
    argv = [programs.tools("hub")["hub"], "run", "--config", str(here / "Caddyfile"), "--adapter", "caddyfile"]
    return argv, {"HOME": str(here), "XDG_DATA_HOME": str(here)}


def haproxy(here: Path, texts: list[str]) -> tuple[list[str], dict[str, str]]:
    root = Path(programs.tools("haproxy")["haproxy"])
    ways = "".join(f"    use_backend mercure{n} if {{ hdr(host) -i s{n}.test }}\n" for n in range(len(texts)))
    (here / "haproxy.cfg").write_text(f"{HAPROXY}{ways}\n" + "".join(texts))
    [libraries] = root.glob("usr/lib/*-linux-gnu")
    program = [f"{root}/usr/sbin/haproxy", "-db", "-f", str(here / "haproxy.cfg")]
    return program, {"LD_LIBRARY_PATH": str(libraries)}


Starts = Callable[[Path, list[str]], tuple[list[str], dict[str, str]]]
Writes = Callable[[int, random.Random], str]
PROGRAMS: dict[str, tuple[Starts, Writes, str]] = {
    "nginx": (nginx, fronts.nginx, "nginx.conf"),
    "apache": (apache, fronts.apache, "site.conf"),
    "caddy": (caddy, fronts.caddy, "Caddyfile"),
    "haproxy": (haproxy, fronts.haproxy, "haproxy.cfg"),
}


def seen(number: int) -> set[str]:
    """What goes wrong between a client and the hub behind that host, as ids."""
    page = fronts.CORS.format(n=number)
    wrong: set[str] = set()
    for method, name in (("POST", "authorization"), ("GET", "cookie")):
        with closing(http.client.HTTPConnection("127.0.0.1", 80, timeout=10)) as client:
            headers = {"Host": f"s{number}.test", name: "it", "X-Page": page}
            client.request(method, fronts.PATH, headers=headers)
            answer = client.getresponse()
            text = answer.read().decode(errors="replace")
            if answer.getheader("X-Hub") is None or json.loads(text)["path"] != fronts.PATH:
                return {"proxy-not-routing"}
            if json.loads(text).get(name) != "it":
                wrong.add("credentials-not-sent")
            allowed = answer.headers.get_all("Access-Control-Allow-Origin")
            if allowed != [page]:
                wrong.add("cors-wildcard-credentials" if allowed == ["*"] else "cors-origin-mismatch")
    return wrong


def preflight(number: int) -> set[str]:
    """What goes wrong with a preflight."""
    with closing(http.client.HTTPConnection("127.0.0.1", 80, timeout=10)) as client:
        page = fronts.CORS.format(n=number)
        client.request("OPTIONS", fronts.PATH, headers={"Host": f"s{number}.test", "X-Page": page})
        answer = client.getresponse()
        answer.read()
        return set() if answer.getheader("X-Hub") else {"cors-origin-mismatch"}


def said(name: str, text: str, number: int) -> list[Finding]:
    """What lint finds in that host alone, and in the app's URL of it."""
    url = f"http://s{number}.test{fronts.PATH}"
    files = [(name, text), (".env", f"MERCURE_PUBLIC_URL={url}\nMERCURE_URL=http://127.0.0.1:3000{fronts.PATH}\n")]
    told = Told((parse_origin(fronts.CORS.format(n=number)),), parse_origin(f"http://s{number}.test"))
    ids = {"proxy-not-routing", "credentials-not-sent", "cors-origin-mismatch", "cors-wildcard-credentials"}
    return [each for each in examine(files, told, lambda _: True).findings if each.id in ids and each.level == "error"]


@pytest.mark.proves("What lint says of a proxy is what that proxy does, of generated configurations")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_proxy_does_what_lint_says(tmp_path: Path, name: str):
    programs.need_isolation()
    starts, writes, file = PROGRAMS[name]
    rng = random.Random(f"{SEED}-{name}")
    texts = [writes(number, rng) for number in range(NUMBER)]
    argv, environment = starts(tmp_path, texts)
    differing = []
    with (
        fronts.behind(),
        programs.process(argv, {"PATH": os.environ["PATH"], **environment}, tmp_path / "out") as process,
    ):

        def ready() -> bool:
            assert process.poll() is None, (tmp_path / "out").read_text()[-2000:]
            return programs.listens(80)

        programs.wait(ready, f"{name} listens")
        for number, text in enumerate(texts):
            real = seen(number)
            real |= set() if "proxy-not-routing" in real else preflight(number)
            found = said(file, text, number)
            ours = {each.id for each in found}
            # who cannot get there is told nothing of headers
            if ours != real and "proxy-not-routing" not in ours & real:
                differing.append((text, sorted(real), [(each.id, each.what) for each in found]))
        # with -X Apache does not end before its next request
        process.kill()
    shown = "\n\n".join(f"{text}real: {real}\nlint: {found}" for text, real, found in differing[:6])
    assert not differing, f"{len(differing)} of {NUMBER}\n{shown}"

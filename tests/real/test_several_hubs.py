"""Several hubs behind one name, with a transport that they share: real hubs, a real Redis, a proxy that takes turns.

The transport is tests/hub-redis, made for this. Of the rendered Caddyfile only the port and that of the admin API are
others, as all of them run on one machine here; the files of pods are folders.
"""

import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import cluster
import programs
import pytest
from cases import APPS, rendered
from conftest import Run

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "redis")]

VIA = ["--via", "http://127.0.0.1"]
REPLICAS = 3
PROXY = """\
{{
	admin off
}}
http://:80 {{
	reverse_proxy {hubs} {{
		lb_policy round_robin
		lb_try_duration 5s
		fail_duration 5s
		flush_interval -1
	}}
}}
"""


class Pod:
    """One of the hubs: its folder, what it was last given, and its process."""

    def __init__(self, number: int, scratch: Path, stack: ExitStack) -> None:
        self.number, self.port = number, 8100 + number
        self.place = scratch / f"pod-{number}"
        self.place.mkdir()
        self.log = scratch / f"pod-{number}.log"
        self.stack = stack

    def mount(self, folder: Path) -> None:
        """What the Secret and the ConfigMap hold now."""
        cluster.mounted(folder)
        text = Path("/etc/mercure/Caddyfile").read_text()
        changes = (
            (":80 {", f":{self.port} {{"),
            ("grace_period 3s\n", f"grace_period 3s\n\tadmin localhost:{2100 + self.number}\n"),
            ("/etc/mercure/jwks.json", str(self.place / "jwks.json")),
        )
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.place / "Caddyfile").write_text(text)
        (self.place / "jwks.json").write_bytes(Path("/etc/mercure/jwks.json").read_bytes())

    def start(self) -> None:
        argv = [programs.tools("hub_redis")["hub_redis"], "run", *self.config]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.place),
            "XDG_DATA_HOME": str(self.place),
            "XDG_CONFIG_HOME": str(self.place),
            "MERCURE_REDIS_URL": "redis://127.0.0.1:6379/0",
            "POD_NAME": f"mercure-{self.number}",
        }
        self.process = self.stack.enter_context(programs.process(argv, environment, self.log))
        programs.wait(lambda: programs.listens(self.port), self.log.read_text)  # type: ignore[arg-type] # shown at last

    @property
    def config(self) -> list[str]:
        return ["--config", str(self.place / "Caddyfile"), "--adapter", "caddyfile"]

    def reload(self, folder: Path) -> None:
        """The line of the README, in that pod."""
        self.mount(folder)
        address = ["--address", f"localhost:{2100 + self.number}"]
        argv = [programs.tools("hub_redis")["hub_redis"], "reload", "--force", *self.config, *address]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.place)}
        environment |= {"MERCURE_REDIS_URL": "redis://127.0.0.1:6379/0", "POD_NAME": f"mercure-{self.number}"}
        subprocess.run(argv, env=environment, check=True, capture_output=True, timeout=60)


@contextmanager
def redis(scratch: Path) -> Iterator[None]:
    root = Path(programs.tools("redis")["redis"])
    [libraries] = root.glob("usr/lib/*-linux-gnu")
    argv = [f"{root}/usr/bin/redis-server", "--bind", "127.0.0.1", "--save", "", "--dir", str(scratch)]
    with programs.process(argv, {"PATH": "/usr/bin", "LD_LIBRARY_PATH": str(libraries)}, scratch / "redis.log"):
        programs.wait(lambda: programs.listens(6379), "Redis listens")
        yield


@contextmanager
def running(folder: Path, scratch: Path) -> Iterator[list[Pod]]:
    """The hubs of an environment behind a proxy at port 80."""
    programs.need_isolation()
    with ExitStack() as stack:
        stack.enter_context(redis(scratch))
        pods = [Pod(number, scratch, stack) for number in range(1, REPLICAS + 1)]
        for pod in pods:
            pod.mount(folder)
            pod.start()
        proxy = scratch / "proxy"
        proxy.write_text(PROXY.format(hubs=" ".join(f"127.0.0.1:{pod.port}" for pod in pods)))
        argv = [programs.tools("hub")["hub"], "run", "--config", str(proxy), "--adapter", "caddyfile"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(scratch), "XDG_DATA_HOME": str(scratch)}
        stack.enter_context(programs.process(argv, environment, scratch / "proxy.log"))
        programs.wait(lambda: programs.listens(80), "the proxy listens")
        try:
            yield pods
        finally:
            while programs.Stream.opened:
                programs.Stream.opened.pop().close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    said = {
        "image": "registry.example.com/mercure-redis:1.4.0",
        "transport": {"name": "redis", "options": {"url": "{env.MERCURE_REDIS_URL}", "stream": "mercure"}},
        "replicas": REPLICAS,
    }
    return rendered(tmp_path, ("kubernetes", said), APPS["one"], keys={"token_lifetime": "1m"})


class Publisher:
    """Publishes through the one name, and counts the answers."""

    def __init__(self, key: tuple[str, str], topic: str) -> None:
        self.key, self.topic, self.sent = key, topic, list[str]()
        self.answers, self.stop = Counter[int](), threading.Event()
        self.thread = threading.Thread(target=self.publish)

    def publish(self) -> None:
        while not self.stop.is_set():
            data = str(len(self.sent) + 1)
            status = programs.publish(programs.token(self.key, publish=["*"]), self.topic, data)
            self.answers[status] += 1
            if status == 200:
                self.sent.append(data)

    def until(self, more: int) -> None:
        goal = len(self.sent) + more
        programs.wait(lambda: len(self.sent) >= goal, f"{more} publishes", 120)


@pytest.mark.proves("Several hubs behind one name: each update reaches every subscriber, a rotation hears all of them")
def test_a_rotation_with_one_hub_late(folder: Path, tmp_path: Path, run: Run):
    with running(folder, tmp_path) as pods:
        old, topic = cluster.key_of(folder, tmp_path), programs.topic()
        pages = [programs.Stream(topic, programs.token(old, subscribe=[topic])) for _ in range(2 * REPLICAS)]
        assert {page.status for page in pages} == {200}
        heard = {page.answer.getheader("Mercure-Deploy-Hub") for page in pages}
        assert heard == {f"mercure-{pod.number}" for pod in pods}
        load = Publisher(old, topic)
        load.thread.start()
        try:
            load.until(200)
            assert run("rotate-keys", "production").code == 0
            for pod in pods[:-1]:
                pod.reload(folder)
            said = run("rotate-keys", "production", *VIA)
            assert said.code == 1
            assert "1 of 3 hubs do not accept the key" in said.err
            assert "mercure-3" in said.err
            said = run("doctor", "production", *VIA, "--format", "json")
            differing = [each for each in findings(said.out) if "hubs that answered refuse the key" in each]
            assert ["mercure-3" in each for each in differing] == [True], said.out
            pods[-1].reload(folder)
            assert run("rotate-keys", "production", *VIA).code == 0
            out = datetime.now(UTC)
            load.key = cluster.key_of(folder, tmp_path)
            assert load.key != old
            load.until(200)
            programs.wait(lambda: (datetime.now(UTC) - out).total_seconds() > 61, "old tokens have expired", 90)
            assert run("rotate-keys", "production", "--deployed-at", out.isoformat()).code == 0
            for pod in pods:
                pod.reload(folder)
            load.until(200)
        finally:
            load.stop.set()
            load.thread.join()
        # no token is judged where a reload closes a connection that the proxy has kept
        assert load.answers[502] <= 2 * REPLICAS
        assert set(load.answers) <= {200, 502}
        for page in pages:
            programs.wait(lambda: len(page.events) >= len(load.sent), "all updates arrive")  # noqa: B023
            assert page.events == load.sent
        token = programs.token(old, publish=["*"])
        assert {programs.publish(token, topic, "x") for _ in range(REPLICAS)} == {401}


def findings(text: str) -> list[str]:
    """Every text of a diagnosis in JSON."""

    def texts(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for each in value.values():
                yield from texts(each)
        elif isinstance(value, list):
            for each in value:
                yield from texts(each)
        elif isinstance(value, str):
            yield value

    return sorted(set(texts(json.loads(text))))


@pytest.mark.proves("One of several hubs is killed: publishes go on, and what is missing is said by its number")
def test_one_hub_is_killed(folder: Path, tmp_path: Path, run: Run):
    with running(folder, tmp_path) as pods:
        key, topic = cluster.key_of(folder, tmp_path), programs.topic()
        pods[0].process.kill()
        pods[0].process.wait()
        page = programs.Stream(topic, programs.token(key, subscribe=[topic]))
        assert page.status == 200
        token = programs.token(key, publish=["*"])
        assert {programs.publish(token, topic, str(number)) for number in range(9)} == {200}
        programs.wait(lambda: page.events == [str(number) for number in range(9)], "all updates arrive")
        said = run("doctor", "production", *VIA)
        assert "2 of 3 hubs were heard" in said.out

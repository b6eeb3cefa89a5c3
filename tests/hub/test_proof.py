"""The proof before a promotion: each way in which a hub, or what is in its place, can answer has its message."""

import datetime as dt
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import jwt
import pytest
from answering import answering
from conftest import MINIMAL
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mercure_deploy import keys
from mercure_deploy.errors import Trouble
from mercure_deploy.facts.origins import Origin
from mercure_deploy.hub.fetch import Way
from mercure_deploy.hub.proof import PATIENCE, Clock, prove
from mercure_deploy.spec import load
from mercure_deploy.targets import Deployment

T0 = datetime(2026, 1, 1, tzinfo=UTC)
STREAM, ID = "text/event-stream", "urn:uuid:01a20dce-3b6e-7525-8b1a-c9bdd530092c"
SPEC = load(MINIMAL.encode(), "m").spec


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = datetime.now(UTC), 0.0

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.slept += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)


class Handler(BaseHTTPRequestHandler):
    """Answers as the test says, and keeps what was asked."""

    get: ClassVar[tuple[int, str, str]] = (200, STREAM, "")
    post: ClassVar[tuple[int, str, str]] = (200, "text/plain", ID)
    asked: ClassVar[list[tuple[str, str, str, str]]] = []

    def do_GET(self) -> None:
        self.answer(*self.get)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(*self.post)

    def answer(self, status: int, kind: str, body: str) -> None:
        token = self.headers["Authorization"].removeprefix("Bearer ")
        self.asked.append((self.command, self.path, self.headers["Host"], token))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Location", "https://hub.example.com/")
        if kind != STREAM:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def server(
    get: tuple[int, str, str] = Handler.get,
    post: tuple[int, str, str] = Handler.post,
    context: ssl.SSLContext | None = None,
) -> Iterator[tuple[Origin, type[Handler]]]:
    answers = type("Answers", (Handler,), {"get": get, "post": post, "asked": []})
    with answering(answers, context) as port:
        yield Origin("https" if context else "http", "127.0.0.1", port), answers


def deployment() -> Deployment:
    ring = keys.stage(keys.first("HS256", T0), "ES256", T0)
    return Deployment("production", SPEC.environments["production"], ring)


def test_both_keys_are_tried_on_one_private_topic_each():
    d, time = deployment(), Time()
    with server() as (address, hub):
        prove(d, Way(address), time.clock())
    assert [method for method, *_ in hub.asked] == ["GET", "POST"] * 2
    assert {host for _, _, host, _ in hub.asked} == {"hub.example.com"}
    topics = set()
    for number, (method, path, _, token) in enumerate(hub.asked):
        key = d.ring.keys[number // 2]
        proof = key.text() if key.symmetric else key.public or ""
        claims = jwt.decode(token, proof, algorithms=[key.algorithm])
        assert 0 < claims["exp"] - time.now.timestamp() <= 60
        assert claims["mercure"]["publish"] == claims["mercure"]["subscribe"]
        (topic,) = claims["mercure"]["publish"]
        assert topic.startswith("urn:uuid:")
        topics.add(topic)
        assert method == "POST" or topic.replace(":", "%3A") in path
    assert len(topics) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("get", "post", "code", "said"),
    [
        ((401, "text/plain", "Unauthorized\n"), Handler.post, 1, "does not accept the key"),
        (Handler.get, (401, "text/plain", "Unauthorized"), 1, "yet (current), it refused an update"),
        ((302, "text/plain", ""), Handler.post, 2, "redirects to https://hub.example.com/ (302)"),
        (Handler.get, (308, "text/plain", ""), 2, "redirects to https://hub.example.com/ (308)"),
        ((404, "text/plain", ""), Handler.post, 2, "is not there: 404 by BaseHTTP\n  hint: the proxy must hand on"),
        ((421, "text/plain", ""), Handler.post, 2, "does not want to be called so (421)"),
        ((400, "text/plain", ""), Handler.post, 2, "answered with 400"),
        ((502, "text/plain", ""), Handler.post, 2, "with 502 by BaseHTTP for 30 s"),
        (Handler.get, (503, "text/plain", ""), 2, "answered with 503 by BaseHTTP for 30 s"),
        (Handler.get, (200, "text/plain", ""), 2, "answers 200 with nothing in it"),
        (Handler.get, (200, "text/html", "<h1>Welcome</h1>" + "x" * 9000), 2, "answers 200 with text/html, no hub"),
    ],
)
def test_each_answer_has_its_message(get: tuple[int, str, str], post: tuple[int, str, str], code: int, said: str):
    time = Time()
    with server(get, post) as (address, _), pytest.raises(Trouble) as caught:
        prove(deployment(), Way(address), time.clock())
    assert said in str(caught.value)
    assert caught.value.code == code
    assert time.slept == (PATIENCE.total_seconds() if "30 s" in said else 0)


def test_a_hub_that_is_being_restarted_is_waited_for():
    time = Time()
    with server((502, "text/plain", "")) as (address, hub):

        def sleep(seconds: float) -> None:
            time.sleep(seconds)
            if time.slept > 5:
                hub.get = Handler.get

        said: list[tuple[str, float]] = []
        prove(deployment(), Way(address), Clock(lambda: time.now, sleep, lambda what, left: said.append((what, left))))
    assert time.slept == 6
    # and what is waited for is said all the while
    assert {what for what, _ in said} == {"the answer was 502"}
    assert [round(left) for _, left in said] == [30, 29, 28, 27, 26, 25]


def test_nobody_there():
    time = Time()
    with server() as (address, _):
        pass
    with pytest.raises(Trouble, match=rf"no connection to {address}: connection refused") as caught:
        prove(deployment(), Way(address), time.clock())
    assert caught.value.code == 2
    assert time.slept == PATIENCE.total_seconds()


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for that name, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "cert.pem"
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, folder / "key.pem")
    return path, context


def test_the_certificate_is_that_of_the_public_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    authority, context = certificate(tmp_path, "hub.example.com")
    with server(context=context) as (address, _):
        prove(deployment(), Way(address, authority), Time().clock())
        with pytest.raises(Trouble, match=r"no TLS with .*: self-signed certificate") as caught:
            prove(deployment(), Way(address), Time().clock())
        assert "--cacert" in str(caught.value)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        prove(deployment(), Way(address), Time().clock())
    with pytest.raises(Trouble, match="authority cannot be read"):
        prove(deployment(), Way(address, tmp_path / "none"), Time().clock())


def test_the_certificate_of_another_name_is_refused(tmp_path: Path):
    authority, context = certificate(tmp_path, "other.example.com")
    with server(context=context) as (address, _), pytest.raises(Trouble, match=r"no TLS with .*[Hh]ostname mismatch"):
        prove(deployment(), Way(address, authority), Time().clock())


def test_no_proxy_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with server() as (address, _):
        prove(deployment(), Way(address), Time().clock())


class Several(BaseHTTPRequestHandler):
    """Hubs behind one name that take turns; `taken` is what each answers to a subscription, None without its name."""

    taken: ClassVar[dict[str | None, int]] = {}
    count: ClassVar[list[int]] = [0]

    def do_GET(self) -> None:
        names = list(self.taken)
        name = names[self.count[0] % len(names)]
        self.count[0] += 1
        self.send_response(self.taken[name])
        if name:
            self.send_header("Mercure-Deploy-Hub", name)
        self.send_header("Content-Type", STREAM if self.taken[name] == 200 else "text/plain")
        self.end_headers()
        self.wfile.write(b"" if self.taken[name] == 200 else b"Unauthorized")

    def log_message(self, *_: object) -> None:
        return


def several() -> Deployment:
    text = """\
version: 1
environments:
  production:
    platform: kubernetes
    hub:
      url: https://hub.example.com
      image: registry.example.com/x:1.0.0
      transport: {name: redis}
      replicas: 3
    apps: {app: {url: https://app.example.com}}
"""
    return Deployment("production", load(text.encode(), "m").spec.environments["production"], deployment().ring)


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ({"a": 200, "b": 200, "c": 200}, None),
        ({"a": 200, "b": 200, "c": 200, "gone": 200}, None),
        ({"a": 200, "b": 200, "c": 401}, "1 of 3 hubs do not accept the key"),
        ({"a": 200, "b": 200}, "1 of 3 hubs have not been met within 30 s"),
        ({None: 200}, "does not say which of 3 hubs answers"),
        ({None: 401}, "does not accept the key"),
    ],
)
def test_each_of_several_hubs_is_heard(taken: dict[str | None, int], said: str | None):
    answers = type("Answers", (Several,), {"taken": taken, "count": [0]})
    time = Time()
    with answering(answers, None) as port:
        way = Way(Origin("http", "127.0.0.1", port))
        if said is None:
            prove(several(), way, time.clock())
            return
        with pytest.raises(Trouble, match=said):
            prove(several(), way, time.clock())

"""Servers that are no hub and mean no good: `doctor` ends in time, takes little memory, and gives no token away."""

import json
import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from conftest import Run

pytestmark = pytest.mark.real

KEY = "k7Qz" * 16
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
HUB = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nUnauthorized\n"
Answer = Callable[[socket.socket, bytes], None]


def endless(head: bytes, piece: bytes) -> Answer:
    def answer(to: socket.socket, _asked: bytes) -> None:
        to.sendall(head)
        for _ in range(20_000):
            to.sendall(piece)

    return answer


def said(*pieces: bytes, pause: float = 0.0) -> Answer:
    def answer(to: socket.socket, _asked: bytes) -> None:
        for piece in pieces:
            to.sendall(piece)
            time.sleep(pause)

    return answer


def echoing(to: socket.socket, asked: bytes) -> None:
    """A redirect that brings the token elsewhere."""
    found = re.search(rb"Bearer (\S+)|=(eyJ\S+)", asked)
    token = (found[1] or found[2]) if found else b"x"
    where = b"http://127.0.0.1:%d/.well-known/mercure/%s?authorization=%s" % (elsewhere["port"], token, token)
    to.sendall(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % where)


def hub_then(answer: Answer) -> Answer:
    """A hub's refusal to strangers, and that answer to who brings a token."""

    def both(to: socket.socket, asked: bytes) -> None:
        if b"Bearer" in asked or b"eyJ" in asked:
            answer(to, asked)
        else:
            to.sendall(HUB)

    return both


def quiet(to: socket.socket, _asked: bytes) -> None:
    time.sleep(30)
    to.close()


elsewhere: dict[str, int] = {"port": 9}
GZIP = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\nthis is none"
MANY = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(10_000)) + b"\r\n"
ANSWERS: dict[str, Answer] = {
    "a stream without end": endless(STREAM, b"data: " + b"x" * 60_000 + b"\n\n"),
    "a line without end": endless(STREAM, b"x" * 65_536),
    "a body of a gigabyte": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 65_536),
    "ten thousand headers": said(MANY),
    "a header without end": endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65_536),
    "a redirect with the token": echoing,
    "no answer": quiet,
    "half an answer": said(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev"),
    "a byte a second": said(*(bytes([each]) for each in STREAM), pause=1),
    "gzip that is none": said(GZIP),
    "no HTTP": said(b"\x00\xff\xfe hello\r\n\r\n"),
    "a status of nobody": said(b"HTTP/1.1 999 \x1b[2J\r\nServer: \x1b[31mx\r\nContent-Length: 0\r\n\r\n"),
    "a bad location": said(b"HTTP/1.1 302 Found\r\nLocation: http://[::x/\r\nContent-Length: 0\r\n\r\n"),
}


@contextmanager
def listening(answer: Answer) -> Iterator[int]:
    """A server that reads a request and answers so; what it is in the middle of ends with its sockets."""
    taken: list[socket.socket] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve(to: socket.socket) -> None:
            with suppress(OSError), to:
                to.settimeout(30)
                asked = b""
                while b"\r\n\r\n" not in asked:
                    piece = to.recv(65_536)
                    if not piece:
                        return
                    asked += piece
                answer(to, asked)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    to, _ = server.accept()
                    taken.append(to)
                    threading.Thread(target=serve, args=(to,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for to in taken:
        with suppress(OSError):
            to.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("shown", ["to all", "to who brings a token"])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_strange_server_ends_nothing_but_its_probe(project: Path, run: Run, name: str, shown: str):
    (project / "app.env").write_text(f"MERCURE_JWT_SECRET={KEY}\n")
    answer = ANSWERS[name] if shown == "to all" else hub_then(ANSWERS[name])
    got: list[bytes] = []
    with listening(lambda _to, asked: got.append(asked)) as other, listening(answer) as port:
        elsewhere["port"] = other
        arguments = ["--hub", f"http://localhost:{port}", "--app", "http://localhost:8000", "--env-file", "app.env"]
        tracemalloc.start()
        found = run("doctor", *arguments, "--timeout", "1s", "--format", "json", "--html", "page.html")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert found.code in {0, 1}, found.err
    assert "Traceback" not in found.err
    row = json.loads(found.out)["environments"]["-"]
    assert not [each for each in row["probes"] if "could not be asked" in each["evidence"]], row["probes"]
    # nothing was followed, and what was echoed is not shown
    assert got == []
    printed = found.out + found.err + (project / "page.html").read_text()
    assert KEY not in printed
    assert re.search(r"eyJ[\w-]{5,}\.eyJ", printed) is None
    assert "\x1b" not in printed
    # that it ends at all is proved by being here: what never ends, there is in some of the answers
    assert peak < 60_000_000


def slow(to: socket.socket, asked: bytes) -> None:
    """A hub that takes its time, and lets everybody in who brings a token."""
    time.sleep(0.3)
    method = asked.split(b" ", 1)[0]
    known = b"Bearer" in asked or b"Authorization=eyJ" in asked
    origin = re.search(rb"Origin: (http://localhost:8000)\r\n", asked)
    cors = b""
    if origin:
        cors = b"Access-Control-Allow-Origin: %s\r\nAccess-Control-Allow-Credentials: true\r\n" % origin[1]
    if method == b"OPTIONS":
        to.sendall(b"HTTP/1.1 204 No Content\r\n%sConnection: close\r\n\r\n" % cors)
    elif not known:
        to.sendall(HUB.replace(b"\r\n\r\n", b"\r\n%s\r\n" % cors, 1))
    elif method == b"GET":
        to.sendall(STREAM.replace(b"\r\n\r\n", b"\r\n%s\r\n" % cors, 1))
        streams.append(to)
        time.sleep(3)
    else:
        id_ = b"urn:uuid:01a20dce-3b6e-7525-8b1a-c9bdd530092c"
        to.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(id_), id_))
        for stream in streams:
            with suppress(OSError):
                stream.sendall(b"id: %s\ndata: mercure-deploy\n\n" % id_)


streams: list[socket.socket] = []


def test_probes_run_side_by_side(project: Path, run: Run):
    (project / "app.env").write_text(f"MERCURE_JWT_SECRET={KEY}\n")
    with listening(slow) as port:
        arguments = ["--hub", f"http://localhost:{port}", "--app", "http://localhost:8000", "--env-file", "app.env"]
        found = run("doctor", *arguments, "--format", "json")
    row = json.loads(found.out)["environments"]["-"]
    outcomes = {each["name"]: each["outcome"] for each in row["probes"]}
    assert outcomes["key"] == outcomes["round-trip"] == outcomes["origin"] == "pass", row
    # by their own clocks: one after the other they would take the sum
    spent = [each["ms"] for each in row["probes"]]
    assert sum(spent) > 300 * 4

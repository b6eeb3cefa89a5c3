"""What `audit` counts is what a plain reading of the same lines counts, whatever stands around them."""

import gzip
import io
import json
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import logs
import pytest

from mercure_deploy.audit import Known, Tally, Window, blocks
from mercure_deploy.audit.counting import count
from mercure_deploy.audit.tally import FINE, HOURS, NAMES, UNMEASURED, share, size
from mercure_deploy.report.audit import as_json, topics

HUB = "/.well-known/mercure"
Line = dict[str, Any]
# what others put before a line, or around it
DRESSES: dict[str, Callable[[str, float], str]] = {
    "as it is": lambda line, _ts: line,
    "compose": lambda line, _ts: f"mercure-1  | {line}",
    "compose, coloured": lambda line, _ts: f"\x1b[36mmercure-1  | \x1b[0m{line}",
    "docker's time": lambda line, ts: f"{datetime.fromtimestamp(ts, UTC).isoformat()}Z {line}",
    "kubectl": lambda line, _ts: f"[pod/mercure-0/mercure] {line}",
    "cri": lambda line, _ts: f"2026-11-28T11:08:03.357944300Z stderr F {line}",
    "journal": lambda line, _ts: f"Nov 28 11:08:03 hub mercure[812]: {line}",
    "docker's file": lambda line, _ts: json.dumps(
        {"log": f"{line}\n", "stream": "stderr", "time": "2026-11-28T11:08Z"}
    ),
    "journal's export": lambda line, _ts: json.dumps({"_PID": "812", "MESSAGE": line, "PRIORITY": "6"}),
    "emptied in place": lambda line, _ts: f"\0\0\0\0{line}",
}


def tallied(text: bytes, known: Known | None = None, window: Window | None = None, piece: int = 0) -> Tally:
    """The tally of a log; with `piece` it comes in so many bytes at once."""
    tally = Tally(known or Known(), window or Window())
    stream = _Pieces(text, piece) if piece else io.BytesIO(text)
    for block in blocks("log", stream, pytest.fail):
        count(tally, block)
    return tally


class _Pieces(io.RawIOBase):
    def __init__(self, text: bytes, piece: int) -> None:
        self.text, self.piece = text, piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        taken, self.text = self.text[: min(self.piece, len(buffer))], self.text[min(self.piece, len(buffer)) :]
        buffer[: len(taken)] = taken
        return len(taken)


def plainly(lines: Sequence[Line]) -> dict[str, Any]:
    """The numbers, counted as anybody would."""
    asked: Counter[tuple[int, str, str]] = Counter()
    kinds = {"POST": "publishes", "GET": "subscriptions"}
    for line in lines:
        if line.get("msg") == "handled request":
            request = line["request"]
            path = request["uri"].partition("?")[0]
            kind = kinds.get(request["method"], "others") if path == HUB else "others"
            asked[int(line["ts"] // 3600), kind, str(line["status"])] += 1
    return {
        f"{hour} {kind}": {status: number for (h, k, status), number in sorted(asked.items()) if (h, k) == (hour, kind)}
        for hour, kind, _ in sorted(asked)
    }


def counted(tally: Tally) -> dict[str, Any]:
    """The same, by `audit`."""
    hours = json.loads(as_json(tally, [], ok=True))["hours"]
    return {
        f"{int(datetime.fromisoformat(each['hour']).timestamp()) // 3600} {kind}": each[kind]
        for each in hours
        for kind in ("publishes", "subscriptions", "others")
        if each[kind]
    }


def any_log(chance: random.Random, version: str, hours: float = 5) -> list[Line]:
    """Lines of all kinds at random times, in their order."""
    log = logs.Log(version)
    kinds = list(log.kinds)
    for _ in range(chance.randint(1, 300)):
        kind = chance.choice(kinds)
        client = f"{chance.choice(['192.0.2', '2001:db8::'])}.{chance.randint(1, 9)}"
        log.add(kind, chance.uniform(0, hours * 3600), client, duration=chance.choice([0, 0.5, 12.25, 300, 1e6]))
    return sorted(log.lines, key=lambda line: line["ts"])


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("version", ["0.24", "1.0"])
def test_the_numbers_are_those_of_a_plain_reading(version: str, dress: str):
    for seed in range(40):
        chance = random.Random(f"{version} {dress} {seed}")
        lines = any_log(chance, version)
        text = "".join(DRESSES[dress](json.dumps(line), line["ts"]) + "\n" for line in lines).encode()
        if chance.random() < 0.3:
            text = gzip.compress(text)
        tally = tallied(text, piece=chance.choice([0, 1, 7, 1000, 70_000]) if len(text) < 20_000 else 0)
        assert counted(tally) == plainly(lines), seed
        assert (tally.lines, tally.skipped) == (len(lines), 0)


def test_what_cannot_be_read_is_counted_and_passed_over():
    for seed in range(60):
        chance = random.Random(seed)
        lines = any_log(chance, "0.24")
        texts = [json.dumps(line).encode() for line in lines]
        strange = [
            b"",
            b"   ",
            b"panic: runtime error",
            b"\xff\xfe\x00\x01",
            b"{",
            b'{"level":"info"',
            texts[0][: chance.randint(1, len(texts[0]) - 1)],
            b'{"status":"200","ts":true}',
            b'{"ts":1e400,"status":200}',
            b'{"ts":-5,"status":200,"request":{"method":"GET","uri":"/.well-known/mercure?topic=a"}}',
            b'{"a":' * 600,
            b"[" * 100_000,
            b'{"ts":1795000000.5,"status":200,"duration":1,"request":{"method":["GET"],"uri":7}}',
            b"x" * 400_000,
            b"\0" * 5000,
        ]
        mixed: list[tuple[bytes, bool]] = [(text, True) for text in texts]
        for _ in range(chance.randint(1, 12)):
            mixed.insert(chance.randint(0, len(mixed)), (chance.choice(strange), False))
        tally = tallied(b"\n".join(text for text, _ in mixed) + b"\n")
        assert counted(tally) == plainly(lines), seed
        assert tally.lines == len(mixed)
        assert tally.skipped == sum(not good for _, good in mixed)


def test_a_line_is_told_by_its_number_whatever_stands_before_it():
    for seed in range(60):
        chance = random.Random(seed)
        lines = [json.dumps(line).encode() for line in any_log(chance, "0.24") if "wrong" not in line]
        bad = logs.Log()
        bad.add("publish-refused", 9 * 3600)
        place = chance.randint(0, len(lines))
        lines[place:place] = [chance.choice([b"panic", b"", b"y" * 300_000])] * chance.randint(0, 2)
        lines = [line for line in lines if b'"status": 401' not in line]
        lines.append(json.dumps(bad.lines[0]).encode())
        tally = tallied(b"\n".join(lines))
        assert tally.publishers.all.run.line == len(lines), seed


def test_times_and_lengths_may_be_words():
    log = logs.Log()
    log.stream(0, 90)
    ten = datetime(2026, 11, 18, 10, tzinfo=UTC).timestamp()
    for time in ("2026-11-18T10:00:00.000+0000", "2026-11-18T11:00:00+01:00", "2026/11/18 10:00:00.000"):
        for length in ("90s", "1m30s", "1.5m"):
            line = {**log.lines[-1], "ts": time, "duration": length}
            tally = tallied(json.dumps(line).encode())
            assert tally.first == ten
            assert tally.hours[int(ten // 3600)].lengths[size(90)] == 1
    head = "2026/11/18 10:00:00.250\tINFO\thttp.log.access\thandled request\t"
    rest = json.dumps({"request": {"method": "POST", "uri": HUB}, "status": 200, "duration": 0.1})
    tally = tallied(f"{head}{rest}".encode())
    assert (tally.first, tally.publishers.accepted) == (ten + 0.25, 1)


def test_only_what_is_within_the_window_counts():
    log = logs.Log().usual(1)
    lines = sorted(log.lines, key=lambda line: line["ts"])
    begin, end = logs.BEGIN + 3000, logs.BEGIN + 9000
    within = [line for line in lines if begin <= line["ts"] < end]
    tally = tallied(log.text, window=Window(begin, end))
    assert counted(tally) == plainly(within)
    assert tally.first >= begin
    assert tally.last < end
    assert not tallied(log.text, window=Window(end * 2)).hours


def test_lengths_are_told_within_a_few_per_cent():
    for seed in range(200):
        chance = random.Random(seed)
        lengths = sorted(chance.choice([0.6, 12, 100, 500, 9000, 2e6]) * chance.uniform(0.9, 1.1) for _ in range(99))
        table = [0] * (UNMEASURED + 1)
        for each in lengths:
            table[size(each)] += 1
        for part in (0.5, 0.95):
            exact, told = lengths[int(part * 99)], share(table, part)
            assert told is not None
            assert abs(told - exact) <= max(0.5, 0.05 * exact), (seed, part)
    assert share([0] * UNMEASURED, 0.5) is None
    assert size(1e9) == size(-1) == UNMEASURED - 1
    assert size(149.9) == FINE - 1


def test_every_table_has_an_end():
    log = logs.Log()
    for number in range(3 * NAMES):
        log.stream(number, 1, f"198.51.{number // 250}.{number % 250}", uri=f"{HUB}?topic=urn:{number}")
        log.add("probe", number, uri=f"/{number}")
    for number in range(50):
        log.stream(number, 1, uri=f"{HUB}?topic=urn:often")
    tally = tallied(log.text)
    assert len(tally.uris) <= 2 * NAMES + 1
    assert topics(tally)["urn:often"] == 50
    assert len(tally.of("probe")) == NAMES + 1
    assert tally.together("probe").count == 3 * NAMES
    years = logs.Log()
    for number in range(HOURS + 50):
        years.add("published", number * 3600)
    tally = tallied(years.text)
    assert len(tally.hours) == HOURS
    assert sum(each.asked["POST", 200] for each in tally.hours.values()) == HOURS + 50


def test_what_strangers_make_long_takes_no_memory():
    log = logs.Log()
    for number in range(40):
        long = f"{number}" + "x" * 100_000
        log.stream(number, 1, uri=f"{HUB}?topic={long}", origin=f"https://{long}")
        log.add("probe", number, uri=f"/{long}")
        log.add("page-without-cookie", number, origin=f"https://{long}")
        log.add("published", number, client=long)
    tracemalloc.start()
    tally = tallied(log.text)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000
    assert sum(tally.lengths()) == 40
    assert tally.skipped == 40
    assert not tally.uris
    assert not tally.origins


@pytest.mark.parametrize("name", ["remote_ip", "remote_addr"])
def test_an_older_caddy_has_the_address_under_another_name(name: str):
    """As public reports show their lines: 2.4 has address and port in one, later ones have two."""
    log = logs.Log()
    for number in range(6):
        log.add("published" if number % 2 else "publish-refused", number, f"192.0.2.{number % 2}")
        log.stream(number, 3, "2001:db8::7")
    for line in log.lines:
        if "request" in line:
            address = line["request"].pop("client_ip")
            line["request"] |= {"remote_ip": "", "remote_port": "1"}
            bracketed = f"[{address}]" if ":" in address else address
            line["request"][name] = address if name == "remote_ip" else f"{bracketed}:37108"
    tally = tallied(log.text)
    assert tally.skipped == 0
    assert (set(tally.publishers.each), tally.publishers.seen) == ({"192.0.2.0"}, {"192.0.2.1"})
    assert tally.subscribers.seen == {"2001:db8::7"}


def test_a_console_may_have_the_time_in_seconds():
    rest = json.dumps({"request": {"remote_addr": "127.0.0.1:1", "method": "POST", "uri": HUB}, "status": 200})
    tally = tallied(f"1.6415854913882332e+09\tinfo\thttp.log.access.log0\thandled request\t{rest}".encode())
    assert (tally.first, tally.publishers.accepted) == (1641585491.3882332, 1)

"""Logs of a hub, made of lines that a real one wrote: recorded.json, which tests/real/test_access_log.py holds."""

import copy
import json
import random
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent.parent / "audit/recorded.json"
# a Thursday
BEGIN = 1795000000.0
Line = dict[str, Any]


def recorded(version: str) -> dict[str, Line]:
    """The lines of a hub of that generation, by what they are of."""
    lines: dict[str, Line] = json.loads(RECORDED.read_text())[version]
    return lines


class Log:
    """Lines as they come; `text` has them in the order of their times, as a hub writes them."""

    def __init__(self, version: str = "0.24") -> None:
        self.kinds = recorded(version)
        self.lines: list[Line] = []

    def add(self, kind: str, at: float, client: str = "192.0.2.7", **other: Any) -> None:
        """One line of that kind, so many seconds after BEGIN; `other` are fields of it, or of its request."""
        line = copy.deepcopy(self.kinds[kind])
        line["ts"] = BEGIN + at
        if "request" in line:
            line["request"]["client_ip"] = client
            for name in ("uri", "method"):
                if name in other:
                    line["request"][name] = other.pop(name)
            if "origin" in other:
                line["request"]["headers"]["Origin"] = [other.pop("origin")]
        line.update(other)
        self.lines.append(line)

    def stream(self, begun: float, length: float, client: str = "192.0.2.7", **other: Any) -> None:
        """A stream that began then and lasted so many seconds, as 0.24 tells it in three lines."""
        if "new-subscriber" in self.kinds:
            self.add("new-subscriber", begun)
            self.add("disconnected", begun + length - 0.0001)
        self.add("stream", begun + length, client, duration=length, **other)

    def usual(self, seed: int, hours: float = 6, rate: float = 60) -> "Log":
        """What a hub sees in so many hours, `rate` publishes and streams an hour, at random."""
        chance = random.Random(seed)
        for _ in range(int(hours * rate)):
            self.add("published", chance.uniform(0, hours * 3600), f"192.0.2.{chance.randint(1, 3)}")
            client = f"198.51.100.{chance.randint(1, 250)}"
            begun, length = chance.uniform(0, hours * 3600), min(600, chance.expovariate(1 / 240))
            self.stream(begun, length, client)
        return self

    @property
    def text(self) -> bytes:
        """The log."""
        lines = sorted(self.lines, key=lambda line: line["ts"])
        return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)

    def number(self, kind: str, at: float) -> int:
        """The number of the line of that kind and time, from 1."""
        lines = sorted(self.lines, key=lambda line: line["ts"])
        return next(n for n, line in enumerate(lines, 1) if line["ts"] == BEGIN + at and _is(line, self.kinds[kind]))


def _is(line: Line, kind: Line) -> bool:
    same = ("msg", "status")
    asked = [each.get("request", {}).get("method") for each in (line, kind)]
    return asked[0] == asked[1] and all(line.get(name) == kind.get(name) for name in same)


def half_way() -> Log:
    """Two hours, at whose end the hub was deployed with a new key and the app was not."""
    log = Log().usual(7, hours=2, rate=30)
    for number in range(6):
        log.add("publish-refused", 2 * 3600 + 10 + 20 * number, "192.0.2.1")
    return log

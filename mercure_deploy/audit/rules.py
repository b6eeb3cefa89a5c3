"""What may be out of the ordinary in a log, and how it is said; each rule is a function over the finished tally."""

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mercure_deploy.audit.clients import Seen
from mercure_deploy.audit.tally import Tally
from mercure_deploy.errors import printable
from mercure_deploy.findings import Finding, Level, Place

# fewer of a kind may be chance
FEW = 3
# so often in a row, by one client, is no page that a person looks at
AGAIN = 20


@dataclass(frozen=True)
class Anomaly:
    """A finding with how often it was seen, first and last in seconds since 1970; its place is the first line of it."""

    finding: Finding
    count: int
    first: float
    last: float


Rule = Callable[[Tally, Callable[[str], str]], Iterator[Anomaly]]
RULES: list[Rule] = []


def anomaly(rule: Rule) -> Rule:
    """A function that says what is out of the ordinary; its second argument makes an address fit to be shown."""
    RULES.append(rule)
    return rule


def anomalies(tally: Tally, *, full: bool = False) -> list[Anomaly]:
    """Everything that is out of the ordinary, errors first, then by when it began; addresses in full, or shortened."""
    address = printable if full else shortened
    found = [each for rule in RULES for each in rule(tally, address)]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda each: (order[each.finding.level], each.first))


def shortened(address: str) -> str:
    """An address without what tells one visitor from the next: 203.0.113.0/24, 2001:db8:1::/48."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "an address that is none" if address else "an unknown address"
    if found.version == 6 and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False))


def moment(seconds: float) -> str:
    """A moment for people, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def of(seen: Seen, level: Level, identity: str, what: str, hint: str) -> Anomaly:
    """An anomaly that was seen so."""
    place = Place(seen.source, seen.line, 0)
    return Anomaly(Finding(identity, level, what, hint, place), seen.count, seen.first, seen.last)


def span(seen: Seen) -> str:
    """From when to when something was seen, for people."""
    first, last = moment(seen.first), moment(seen.last)
    return f"at {first}" if first == last else f"{first} to {last}"


def length(seconds: float) -> str:
    """A length of time for people, as in 1 h 5 min, 40 s, 2.5 s."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes and hours < 24 else f"{hours} h"

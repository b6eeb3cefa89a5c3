"""What of a log is out of the ordinary, each with its cause: one function for each, over the finished tally."""

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from mercure_deploy.audit.clients import Client, Clients, Seen
from mercure_deploy.audit.tally import FINE_END, UNMEASURED, Tally, size
from mercure_deploy.errors import many, printable
from mercure_deploy.findings import Finding, Level, Place

# fewer of a kind may be chance
_FEW = 3
# so often in a row, by one client, is no page that a person looks at
_AGAIN = 20
# a silence is told from this length in seconds on, after so many lines, where it is so many times the next
_SILENCE, _LINES, _TIMES = 600.0, 100, 3.0
# lengths in seconds at which proxies cut, as they are set by people
_CUTS = (*range(10, 151, 5), 180, 240, 300)
_DOCTOR = "mercure-deploy doctor says which side is wrong"


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


def _of(seen: Seen, level: Level, identity: str, what: str, hint: str) -> Anomaly:
    place = Place(seen.source, seen.line, 0)
    return Anomaly(Finding(identity, level, what, hint, place), seen.count, seen.first, seen.last)


def _span(seen: Seen) -> str:
    first, last = moment(seen.first), moment(seen.last)
    return f"at {first}" if first == last else f"{first} to {last}"


# what the hub itself says of the tokens that it refuses -> (finding, in words, what to do)
_REASONS = {
    "expired": (
        "token-lifecycle",
        "because they have expired",
        "renew the cookie before its token ends; a token in a file ends one day",
    ),
    "algorithm": ("alg-mismatch", "for their algorithm", "one algorithm on both sides: keys.algorithm in the spec"),
    "topic": (
        "topic-claim-mismatch",
        "for a topic that they do not grant",
        "list the topics in the token, as in jwt.publish of the bundle's configuration",
    ),
    "post-origin": (
        "cors-origin-mismatch",
        "because pages of their origin may not publish",
        "publish_origins, for pages that publish; apps need none",
    ),
}


def _reason(tally: Tally) -> str | None:
    """Why most tokens were refused, where the hub says so: 1.0 always, 0.24 with debug."""
    said = tally.of("reason")
    refused = tally.publishers.all.total + tally.subscribers.all.total
    most = max(said, key=lambda each: said[each].count, default=None)
    return most if most and said[most].count * 2 > refused else None


@anomaly
def publishes(tally: Tally, address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Publishes with a token that the hub refuses, from a moment on or among others that it takes."""
    clients = tally.publishers
    everybody, reason = clients.all, _reason(tally)
    if reason in _REASONS and everybody.total:
        identity, because, hint = _REASONS[reason]
        seen = tally.of("reason")[reason]
        yield _of(seen, "error", identity, f"{many(seen.count, 'token')} refused {because}, {_span(seen)}", hint)
        return
    if everybody.run.count >= _FEW:
        before = "; they were accepted before" if clients.accepted else ""
        what = (
            f"every publish has been refused since {moment(everybody.run.first)}, {everybody.run.count} so far{before}"
        )
        hint = f"the hub does not trust the key that signs: deploy hub and apps with what one render wrote; {_DOCTOR}"
        yield _of(everybody.run, "error", "key-mismatch", what, hint)
        return
    if everybody.longest.count >= _FEW + 2:
        what = f"every publish was refused for a while, {_span(everybody.longest)}, {everybody.longest.count} of them"
        hint = "a rotation or deployment that went half-way; rotate-keys step by step refuses none"
        yield _of(everybody.longest, "warning", "key-mismatch", what, hint)
    left = _left_out(clients)
    for client, run in left:
        what = f"{address(client)} publishes in vain since {moment(run.first)}, {run.count} times, others are accepted"
        hint = f"this app signs with another key, or for topics that its token does not grant; {_DOCTOR}"
        yield _of(run, "error", "key-mismatch", what, hint)
    if not left and everybody.total >= _FEW + 2 and everybody.longest.count < _FEW + 2:
        worst = max(clients.each.values(), key=lambda each: each.total).worst
        what = f"{everybody.total} of {clients.accepted + everybody.total} publishes were refused, among accepted ones"
        hint = "one of several apps signs with another key, or for topics that its token does not grant"
        seen = Seen(everybody.total, worst.first, worst.last, worst.source, worst.line)
        yield _of(seen, "error", "key-mismatch", what, hint)


def _left_out(clients: Clients) -> list[tuple[str, Seen]]:
    """Those that are refused to the end while others are accepted, the worst of them."""
    found = [(name, each.run) for name, each in clients.each.items() if each.run.count >= _FEW]
    return sorted(found, key=lambda pair: -pair[1].count)[:5]


@anomaly
def scopes(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Tokens that are good, for other topics than what was asked for: hub 1.0 says so."""
    for method, seen in tally.of("scope").items():
        what = (
            f"{seen.count} {'publishes' if method == 'POST' else 'subscriptions'} were refused for a topic that their"
        )
        hint = "list the topics in the token, as in jwt.publish of the bundle's configuration"
        yield _of(seen, "error", "topic-claim-mismatch", f"{what} token does not grant, {_span(seen)}", hint)


@anomaly
def subscriptions(tally: Tally, address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Subscriptions with a token that the hub refuses: with another key, or when it has expired."""
    clients = tally.subscribers
    open_runs = {name: each for name, each in clients.each.items() if each.run.count}
    fresh = [each for each in open_runs.values() if not each.accepted]
    run = clients.all.run
    if run.count > _FEW and len(fresh) >= min(_FEW, len(open_runs)) and len(fresh) * 2 >= len(open_runs):
        what = f"every subscription with a token has been refused since {moment(run.first)}, {run.count} so far"
        hint = f"the hub does not trust the key that signs the cookie: deploy hub and apps together; {_DOCTOR}"
        yield _of(run, "error", "key-mismatch", what, hint)
        return
    yield from _stale(tally)
    worst = max(clients.each.items(), key=lambda pair: pair[1].worst.count, default=("", Client()))
    if worst[1].worst.count >= _AGAIN:
        seen = worst[1].worst
        what = f"{address(worst[0])} was refused {seen.count} times in a row with the same answer, {_span(seen)}"
        hint = (
            "a page that was left open, or a client that knows no end: pauses that grow, and a new cookie after a 401"
        )
        yield _of(seen, "warning", "token-lifecycle", what, hint)


def _stale(tally: Tally) -> Iterator[Anomaly]:
    """Pages that do not renew their cookie."""
    clients = tally.subscribers.each.values()
    count, renewed = sum(each.left for each in clients), sum(each.renewed for each in clients)
    if count < _FEW or count <= renewed:
        return
    runs = sorted((each.worst for each in clients if each.left), key=lambda each: each.first)
    seen = Seen(count, runs[0].first, max(each.last for each in runs), runs[0].source, runs[0].line)
    lifetime = f" (token_lifetime is {tally.known.lifetime:.0f} s)" if tally.known.lifetime else ""
    what = f"{count} times a page lost its stream and was refused when it came back, {_span(seen)}{lifetime}"
    hint = "its token had expired: renew the cookie before it ends, and after a 401, as the script of the README does"
    yield _of(seen, "error", "token-lifecycle", what, hint)


@anomaly
def without_token(tally: Tally, address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Requests without any token: of pages, of apps, of strangers."""
    for origin, seen in tally.of("without-token").items():
        if seen.count >= _FEW:
            what = f"pages of {printable(origin, 80)} ask without a cookie, {seen.count} times, {_span(seen)}"
            hint = "new EventSource(url, {withCredentials: true}), and a cookie whose domain reaches the hub"
            yield _of(seen, "warning", "credentials-not-sent", what, hint)
    bare = tally.together("bare-POST")
    if bare.count >= _FEW:
        what = f"{many(bare.count, 'publish')} came without any token, {_span(bare)}"
        yield _of(bare, "warning", "key-missing", what, "an app without MERCURE_JWT_SECRET, or strangers that try")
    name, seen = max(tally.of("client").items(), key=lambda pair: pair[1].count, default=("", Seen()))
    if seen.count >= _AGAIN and name:
        what = f"{address(name)} was turned away {seen.count} times, {_span(seen)}"
        hint = "a robot, or a page without its cookie; a firewall ends it if it is a burden"
        yield _of(seen, "warning", "anonymous-off", what, hint)


@anomaly
def origins(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Pages of an origin that the hub, or the spec, does not know."""
    for origin, seen in tally.of("origin").items():
        whose = f"pages of {printable(origin, 80) or 'further origins'}"
        what = f"{whose} had {many(seen.count, 'stream')} that their browsers kept from them"
        hint = "add the origin to origins of its app in the spec, if it is yours: cors_origins of the hub"
        yield _of(seen, "error", "cors-origin-mismatch", f"{what}, {_span(seen)}", hint)


@anomaly
def tokens_in_urls(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Tokens that stand in a log."""
    seen = tally.together("token-in-url")
    if seen.count:
        what = f"{many(seen.count, 'request')} with a token in the URL, {_span(seen)}: who reads this log has it now"
        hint = "rotate-keys, send tokens in the cookie or a header, and filter the log as the rendered Caddyfile does"
        yield _of(seen, "error", "secret-exposure", what, hint)
    seen = tally.together("token-in-url-hidden")
    if seen.count:
        what = (
            f"{many(seen.count, 'request')} with a token in the URL, {_span(seen)}: hidden here, not in a proxy's log"
        )
        yield _of(seen, "warning", "secret-exposure", what, "send tokens in the cookie or a header")


@anomaly
def cuts(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Streams that end at one length again and again: something before the hub cuts them."""
    cut = piled(tally)
    if cut:
        within = window(cut.seconds)
        (first, source, line), last = min(tally.begins[each] for each in within if each in tally.begins), 0.0
        last = max(tally.ends[each] for each in within)
        what = (
            f"{cut.streams} of {many(cut.total, 'stream')} end after {cut.seconds} s: a proxy before the hub cuts them"
        )
        hint = "let it wait longer than the heartbeat of 40 s, and let it set no limit to the whole"
        seen = Seen(cut.streams, first, last, source, line)
        yield _of(seen, "warning", "proxy-timeout-buffering", what, hint)


class Cut(NamedTuple):
    """So many `streams` of `total` end after so many seconds."""

    seconds: int
    streams: int
    total: int


def window(seconds: int) -> range:
    """The places in the lengths of streams at which those are that were cut after so many seconds."""
    at = size(seconds)
    return range(at - 1, at + 3 if seconds <= FINE_END - 3 else at + 1)


def piled(tally: Tally) -> Cut | None:
    """Where streams end that a proxy cuts; None where no length stands out, or it is that of the token."""
    if not tally.hours:
        return None
    lengths = tally.lengths()
    total = sum(lengths[:UNMEASURED])
    found = []
    for seconds in _CUTS:
        if tally.known.lifetime and abs(tally.known.lifetime - seconds) <= 2:
            continue
        within = window(seconds)
        around = 10 if len(within) > 2 else 3
        there = sum(lengths[within.start : within.stop])
        near = sum(lengths[max(0, within.start - around) : within.stop + around]) - there
        expected = near / (2 * around) * len(within)
        if there >= _FEW + 2 and there * 10 >= total and there > 5 * expected:
            found.append(Cut(seconds, there, total))
    return max(found, key=lambda each: each.streams, default=None)


@anomaly
def strangers(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Requests for pages that a hub in production has not, and for what is no hub at all."""
    opened = tally.together("door-open")
    if opened.count:
        paths = ", ".join(printable(each, 60) for each in list(tally.of("door-open"))[:3])
        what = f"the hub serves {paths} to every visitor, {opened.count} times, {_span(opened)}"
        yield _of(opened, "warning", "anonymous", what, "leave demo, ui, playground and debugger out in production")
    doors, probes = tally.together("door"), tally.together("probe")
    if doors.count or probes.count >= _FEW:
        seen = doors if doors.count else probes
        paths = ", ".join(printable(each, 60) for each in [*tally.of("door"), *tally.of("probe")][:4])
        what = f"{many(doors.count + probes.count, 'request')} for what is not there: {paths}"
        yield _of(seen, "note", "anonymous", what, "strangers that try doors; none of these is open")


@anomaly
def paths(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Pages that subscribe where no hub is."""
    for path, seen in tally.of("path").items():
        what = f"pages subscribe at {printable(path, 80)}, {seen.count} times, {_span(seen)}: no hub is there"
        hint = f"MERCURE_PUBLIC_URL ends with {tally.known.paths[-1]}"
        yield _of(seen, "error", "public-url-wrong", what, hint)


@anomaly
def failures(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Answers of the hub that say that it failed."""
    for status, seen in tally.of("failed").items():
        level: Level = "error" if seen.count >= _FEW else "warning"
        what = f"{many(seen.count, 'request')} answered with {status or '5xx'}, {_span(seen)}"
        if status == "500":
            hint = "the hub's own words of that time say why: most often its store, on a volume that it cannot write"
            yield _of(seen, level, "storage-permissions", what, hint)
        else:
            hint = "what stands behind did not answer: the hub was down, or not where it is looked for"
            yield _of(seen, level, "proxy-not-routing", what, hint)


@anomaly
def anonymous(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Streams that were opened without any token."""
    seen = tally.together("anonymous")
    if seen.count:
        what = f"{many(seen.count, 'stream')} opened without a token, {_span(seen)}"
        hint = "leave anonymous out: visitors get a cookie from the app"
        yield _of(seen, "note" if tally.known.anonymous else "warning", "anonymous", what, hint)


@anomaly
def silences(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """The longest time without a line, where it is much longer than any other."""
    if len(tally.gaps) < 2 or tally.lines < _LINES:
        return
    (seconds, since, source, line), (other, *_) = tally.gaps
    if seconds >= _SILENCE and seconds >= _TIMES * other:
        what = f"nothing reached the hub for {length(seconds)} from {moment(since)} on, then {length(other)} at most"
        hint = "the hub or what stands before it was down, or publishers went elsewhere: its log of that time"
        seen = Seen(1, since, since + seconds, source, line)
        yield _of(seen, "warning", "proxy-not-routing", what, hint)


def length(seconds: float) -> str:
    """A length of time for people, as in 1 h 5 min, 40 s, 2.5 s."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes and hours < 24 else f"{hours} h"

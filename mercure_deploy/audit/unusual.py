"""What is unusual beside refusals: origins, tokens in URLs, streams that are cut, strangers, failures, silences."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from mercure_deploy.audit.clients import Seen
from mercure_deploy.audit.rules import AGAIN, FEW, Anomaly, anomaly, length, moment, of, span
from mercure_deploy.audit.tally import FINE_END, UNMEASURED, Tally, size
from mercure_deploy.errors import many, printable

if TYPE_CHECKING:
    from mercure_deploy.findings import Level

# a silence is told from this length in seconds on, after so many requests, where it is so many times the next
_SILENCE, _REQUESTS, _TIMES = 600.0, 100, 3.0
# lengths in seconds at which proxies cut, as they are set by people
_CUTS = (*range(10, 151, 5), 180, 240, 300)


@anomaly
def origins(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Pages of an origin that the hub, or the spec, does not know."""
    for origin, seen in tally.of("origin").items():
        whose = f"pages of {printable(origin, 80) or 'further origins'}"
        what = f"{whose} had {many(seen.count, 'stream')} that their browsers kept from them"
        hint = "add the origin to origins of its app in the spec, if it is yours: cors_origins of the hub"
        yield of(seen, "error", "cors-origin-mismatch", f"{what}, {span(seen)}", hint)


@anomaly
def tokens_in_urls(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Tokens that stand in a log."""
    seen = tally.together("token-in-url")
    if seen.count:
        what = f"{many(seen.count, 'request')} with a token in the URL, {span(seen)}: who reads this log has it now"
        hint = "rotate-keys, send tokens in the cookie or a header, and filter the log as the rendered Caddyfile does"
        yield of(seen, "error", "secret-exposure", what, hint)
    seen = tally.together("token-in-header")
    if seen.count:
        what = f"tokens stand in the headers of this log, in {many(seen.count, 'line')} at least, {span(seen)}"
        hint = "rotate-keys; leave log_credentials out, and upgrade a hub that is so old that its Caddy hides none"
        yield of(seen, "error", "secret-exposure", what, hint)
    seen = tally.together("token-in-url-hidden")
    if seen.count:
        what = f"{many(seen.count, 'request')} with a token in the URL, {span(seen)}: hidden here, not in a proxy's log"
        yield of(seen, "warning", "secret-exposure", what, "send tokens in the cookie or a header")


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
        yield of(seen, "warning", "proxy-timeout-buffering", what, hint)


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
        # long ones are counted in steps of 8 %: there more of them are chance
        around, least, share = (10, FEW + 2, 0.1) if len(within) > 2 else (3, AGAIN, 0.25)
        there = sum(lengths[within.start : within.stop])
        near = sum(lengths[max(0, within.start - around) : within.stop + around]) - there
        expected = near / (2 * around) * len(within)
        if there >= max(least, share * total) and there > 5 * expected:
            found.append(Cut(seconds, round(there - expected), total))
    return max(found, key=lambda each: each.streams, default=None)


@anomaly
def strangers(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Requests for pages that a hub in production has not, and for what is no hub at all."""
    opened = tally.together("door-open")
    if opened.count:
        paths = ", ".join(printable(each, 60) for each in list(tally.of("door-open"))[:3])
        what = f"the hub serves {paths} to every visitor, {opened.count} times, {span(opened)}"
        yield of(opened, "warning", "anonymous", what, "leave demo, ui, playground and debugger out in production")
    doors, probes = tally.together("door"), tally.together("probe")
    if doors.count or probes.count >= FEW:
        seen = doors if doors.count else probes
        paths = ", ".join(printable(each, 60) for each in [*tally.of("door"), *tally.of("probe")][:4])
        what = f"{many(doors.count + probes.count, 'request')} for what is not there: {paths}"
        yield of(seen, "note", "anonymous", what, "strangers that try doors; none of these is open")


@anomaly
def paths(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Pages that subscribe where no hub is."""
    for path, seen in tally.of("path").items():
        what = f"pages subscribe at {printable(path, 80)}, {seen.count} times, {span(seen)}: no hub is there"
        hint = f"MERCURE_PUBLIC_URL ends with {tally.known.paths[-1]}"
        yield of(seen, "error", "public-url-wrong", what, hint)


@anomaly
def failures(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Answers of the hub that say that it failed."""
    for status, seen in tally.of("failed").items():
        level: Level = "error" if seen.count >= FEW else "warning"
        what = f"{many(seen.count, 'request')} answered with {status or '5xx'}, {span(seen)}"
        if status == "500":
            hint = "the hub's own words of that time say why: most often its store, on a volume that it cannot write"
            yield of(seen, level, "storage-permissions", what, hint)
        else:
            hint = "what stands behind did not answer: the hub was down, or not where it is looked for"
            yield of(seen, level, "proxy-not-routing", what, hint)


@anomaly
def anonymous(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Streams that were opened without any token."""
    seen = tally.together("anonymous")
    if seen.count:
        what = f"{many(seen.count, 'stream')} opened without a token, {span(seen)}"
        hint = "leave anonymous out: visitors get a cookie from the app"
        yield of(seen, "note" if tally.known.anonymous else "warning", "anonymous", what, hint)


@anomaly
def silences(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """The longest time without a line, where it is much longer than any other."""
    requests = sum(sum(each.asked.values()) + sum(each.lengths) for each in tally.hours.values())
    if len(tally.gaps) < 2 or requests < _REQUESTS:
        return
    (seconds, since, source, line), (other, *_) = tally.gaps
    # of so many pauses at random the longest is some ln(requests) times the mean
    usual = (tally.last - tally.first - seconds) / requests * math.log(requests)
    if seconds >= max(_SILENCE, _TIMES * other, _TIMES * usual):
        what = (
            f"nothing reached the hub for {length(seconds)}, from {moment(since)} on; else for {length(other)} at most"
        )
        hint = "the hub or what stands before it was down, or publishers went elsewhere: its log of that time"
        seen = Seen(1, since, since + seconds, source, line)
        yield of(seen, "warning", "proxy-not-routing", what, hint)

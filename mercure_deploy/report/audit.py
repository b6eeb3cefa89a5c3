"""What `audit` found, as text, JSON and a page; returns strings, prints nothing."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from mercure_deploy.audit import Anomaly, Tally
from mercure_deploy.audit.rules import length, moment
from mercure_deploy.audit.tally import UNMEASURED, Hour, lengths_of, share, size
from mercure_deploy.audit.unusual import piled, window
from mercure_deploy.errors import many, printable
from mercure_deploy.report.findings import counted, finding_row, finding_text, stamp

# how many hours, origins and topics a person is shown
_HOURS, _NAMES = 24, 5
# the most bars that can be told apart on a page
_BARS = 96
# a stream that is shorter was not there for anybody
_AT_ONCE = 2.0
_TOPICS = ("topic", "match", "matchURITemplate", "matchURLPattern", "matchRegexp", "matchCEL", "matchExact")
Row = dict[str, Any]


def text(tally: Tally, found: Sequence[Anomaly], *, more: bool = False) -> Iterator[str]:
    """The whole in a few lines, the last hours as a table, then two lines a finding."""
    if not tally.hours:
        yield f"{many(tally.lines, 'line')}: none of them is an access line of a hub"
        return
    whole = _numbers(tally.hours.values())
    span = f"{moment(tally.first)} to {moment(tally.last)} UTC"
    yield f"{span}: {many(tally.lines, 'line')}, {tally.skipped} not readable"
    yield f"publishes      {_statuses(whole['publishes'])}"
    yield f"subscriptions  {_statuses(whole['subscriptions'])}"
    yield f"streams        {_streams(tally, whole['streams'])}"
    yield f"clients        {len(tally.addresses)}"
    for name, table in (("origins", tally.origins), ("topics", topics(tally))):
        if table:
            yield printable(f"{name:<14} {_names(table)}", 400)
    if tally.challenges:
        yield f"refused for    {_names(tally.challenges)}"
    yield from _hours(tally)
    for each in found:
        yield from map(printable, finding_text(each.finding, more=more))
    yield counted(each.finding for each in found) if found else "nothing is out of the ordinary"


def finding(each: Anomaly) -> Iterator[str]:
    """One of them, as it comes."""
    yield from map(printable, finding_text(each.finding))


def minute(tally: Tally, lines: int) -> str:
    """What there was since the last such line, and in the hour so far."""
    if not tally.hours:
        return f"{many(lines, 'line')}, no access line so far"
    numbers = _numbers([tally.hours[max(tally.hours)]])
    published, streams = numbers["publishes"].get("200", 0), numbers["streams"]["count"]
    refused = _refused(numbers["publishes"]) + _refused(numbers["subscriptions"])
    hour = f"this hour {published} publishes, {streams} streams ended, {refused} refused"
    return f"{moment(tally.last)}: {many(lines, 'line')}; {hour}"


def _hours(tally: Tally) -> Iterator[str]:
    hours = sorted(tally.hours)
    if len(hours) > _HOURS:
        yield f"the last {_HOURS} of {len(hours)} hours; --html and --format json have them all"
    yield f"{'hour (UTC)':<16} {'publishes':>10} {'refused':>8} {'streams':>8} {'refused':>8} {'median':>8} {'95 %':>8}"
    for hour in hours[-_HOURS:]:
        row = _numbers([tally.hours[hour]])
        streams = row["streams"]
        middle, most = (length(each) if each is not None else "-" for each in (streams["median"], streams["p95"]))
        yield (
            f"{moment(hour * 3600)[:16]:<16} {row['publishes'].get('200', 0):>10} {_refused(row['publishes']):>8} "
            f"{streams['count']:>8} {_refused(row['subscriptions']):>8} {middle:>8} {most:>8}"
        )


def _statuses(table: dict[str, int]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in table.items()) or "none"


def _names(table: dict[str, int]) -> str:
    most = sorted(table.items(), key=lambda pair: (-pair[1], pair[0]))
    more = f" and {len(most) - _NAMES} more" if len(most) > _NAMES else ""
    return ", ".join(f"{printable(name, 80)} ({count})" for name, count in most[:_NAMES]) + more


def _refused(table: dict[str, int]) -> int:
    return sum(count for status, count in table.items() if int(status) >= 400)


def _streams(tally: Tally, streams: Row) -> str:
    if not streams["count"]:
        return "none has ended"
    ends = "; ".join(f"{count} {how}" for how, count in ended(tally).items() if count)
    if streams["median"] is None:
        return f"{streams['count']}; {ends}"
    middle, most = length(streams["median"]), length(streams["p95"])
    return f"{streams['count']}, half of them up to {middle}, 95 % up to {most}; {ends}"


def ended(tally: Tally) -> dict[str, int]:
    """How streams end, as far as their lengths tell it."""
    lengths = tally.lengths()
    total, at_once = sum(lengths), sum(lengths[: size(_AT_ONCE)])
    cut = piled(tally)
    lifetime = tally.known.lifetime
    unmeasured = lengths[UNMEASURED]
    found = {f"ended within {_AT_ONCE:.0f} s": at_once}
    if cut:
        found[f"cut after {cut.seconds} s"] = cut.streams
    if lifetime:
        found["as long as a token lives"] = sum(lengths[each] for each in window(round(lifetime)))
    if unmeasured:
        found["without a length, as a proxy logs those whose client left"] = unmeasured
    rest = total - sum(found.values())
    return {**found, "ended by the page, the network or the hub": max(0, rest)}


def topics(tally: Tally) -> dict[str, int]:
    """Topics that were subscribed to, as far as the log and the table have them."""
    found: Counter[str] = Counter()
    for uri, count in tally.uris.items():
        for name, topic in parse_qsl(uri.partition("?")[2], max_num_fields=None):
            if name in _TOPICS:
                found[topic] += count
    return dict(found)


def _numbers(hours: Collection[Hour]) -> Row:
    """The numbers of some hours, as in JSON."""
    asked: Counter[tuple[str, int]] = Counter()
    for hour in hours:
        asked.update(hour.asked)
    lengths = lengths_of(hours)
    streams = sum(lengths)
    by: dict[str, Counter[str]] = {"publishes": Counter(), "subscriptions": Counter(), "others": Counter()}
    kinds = {"POST": "publishes", "GET": "subscriptions", "QUERY": "subscriptions"}
    for (method, status), count in asked.items():
        by[kinds.get(method, "others")][str(status)] += count
    if streams:
        by["subscriptions"]["200"] += streams
    middle, most = (share(lengths, part) for part in (0.5, 0.95))
    return {
        **{name: dict(sorted(table.items())) for name, table in by.items()},
        "streams": {"count": streams, "median": _rounded(middle), "p95": _rounded(most)},
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _stamp(seconds: float) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))


def as_json(tally: Tally, found: Sequence[Anomaly], *, ok: bool) -> str:
    """The same for programs: {"version": 1, "ok", "lines", "total": {…}, "hours": [{…}], "findings": [{…}]}."""
    there = bool(tally.hours)
    said = {
        "version": 1,
        "ok": ok,
        "lines": tally.lines,
        "skipped": tally.skipped,
        "first": _stamp(tally.first) if there else None,
        "last": _stamp(tally.last) if there else None,
        "total": {
            **_numbers(tally.hours.values()),
            "ends": ended(tally) if there else {},
            "clients": len(tally.addresses),
            "origins": {printable(name, 200): count for name, count in tally.origins.items()},
            "topics": {printable(name, 200): count for name, count in topics(tally).items()},
            "challenges": dict(tally.challenges),
        },
        "hours": [{"hour": _stamp(hour * 3600), **_numbers([each])} for hour, each in sorted(tally.hours.items())],
        "findings": [row(each) for each in found],
    }
    return json.dumps(said, indent=2)


def row(each: Anomaly) -> Row:
    """A finding as JSON, with how often it was seen, first and last."""
    said = {
        name: printable(value) if isinstance(value, str) else value for name, value in finding_row(each.finding).items()
    }
    return {**said, "count": each.count, "first": _stamp(each.first), "last": _stamp(each.last)}


def page(tally: Tally, found: Sequence[Anomaly], now: datetime, name: str) -> Row:
    """What the page of `--html` is made of."""
    whole = _numbers(tally.hours.values())
    bars = _bars(tally)
    charts = {"publishes": "Publishes", "streams": "Streams that ended", "refused": "Refused"}
    return {
        "title": f"{name}: {counted(each.finding for each in found) if found else 'nothing is out of the ordinary'}",
        "span": f"{moment(tally.first)} to {moment(tally.last)} UTC" if tally.hours else "no access line",
        "asked": stamp(now),
        "facts": _facts(tally, whole),
        "charts": [_chart(label, key, bars) for key, label in charts.items()],
        "found": [
            {
                "level": each.finding.level,
                "id": each.finding.id,
                "what": printable(each.finding.what),
                "hint": each.finding.hint,
                "place": printable(f"{each.finding.file}:{each.finding.line}") if each.finding.file else "",
            }
            for each in found
        ],
        "hours": [
            {"hour": moment(hour * 3600)[:16], **_flat([each])} for hour, each in sorted(tally.hours.items())[-168:]
        ],
    }


def _facts(tally: Tally, whole: Row) -> list[tuple[str, str]]:
    """The whole, as pairs of a name and a sentence."""
    found = [
        ("Publishes", _statuses(whole["publishes"])),
        ("Subscriptions", _statuses(whole["subscriptions"])),
        ("Streams", _streams(tally, whole["streams"])),
        ("Clients", str(len(tally.addresses))),
        ("Origins", printable(_names(tally.origins), 400) or "none"),
        ("Topics", printable(_names(topics(tally)), 400) or "none"),
        ("Lines", f"{tally.lines}, {tally.skipped} not readable"),
    ]
    return [*found, ("Refused for", _names(tally.challenges))] if tally.challenges else found


def _flat(hours: Sequence[Hour]) -> Row:
    numbers = _numbers(hours)
    return {
        "publishes": numbers["publishes"].get("200", 0),
        "streams": numbers["streams"]["count"],
        "refused": _refused(numbers["publishes"]) + _refused(numbers["subscriptions"]),
    }


def _bars(tally: Tally) -> list[Row]:
    """The hours from the first to the last, also those without a line; several as one where there are many."""
    if not tally.hours:
        return []
    first, last = min(tally.hours), max(tally.hours)
    step = next(each for each in (1, 2, 3, 6, 12, 24, 24 * 7, 24 * 30, 24 * 365) if (last - first) // each < _BARS)
    bars: dict[int, list[Hour]] = {at: [] for at in range(first // step, last // step + 1)}
    for hour, each in tally.hours.items():
        bars[hour // step].append(each)
    return [{"begin": moment(at * step * 3600)[:16], "step": step, **_flat(hours)} for at, hours in bars.items()]


def _chart(label: str, key: str, bars: Sequence[Row]) -> Row:
    """Bars in per cent of the highest."""
    most = max((bar[key] for bar in bars), default=0)
    width = 100 / max(len(bars), 1)
    return {
        "label": label,
        "key": key,
        "most": most,
        "total": sum(bar[key] for bar in bars),
        "first": bars[0]["begin"] if bars else "",
        "last": bars[-1]["begin"] if bars else "",
        "step": bars[0]["step"] if bars else 1,
        "bars": [
            {
                "x": round(at * width, 3),
                "width": round(width * 0.86, 3),
                "height": round(100 * bar[key] / most, 2) if most else 0,
                "title": f"{bar['begin']} UTC: {bar[key]}",
            }
            for at, bar in enumerate(bars)
        ],
    }

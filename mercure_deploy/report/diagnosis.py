"""What `doctor` found, as text, JSON and a page; returns strings, prints nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mercure_deploy.errors import many, printable
from mercure_deploy.findings import Finding
from mercure_deploy.report.findings import counts, finding_row, finding_text, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from mercure_deploy.probes.engine import Seen, Target

_WORDS = {"pass": "ok", "fail": "FAIL", "warn": "warn", "skip": "skip"}
_COLOURS = {"fail": "red", "warn": "yellow", "pass": "green", "skip": None}
# the ways of the map, and the probes that tell of each
_MAP = {
    "browser to proxy": ("resolve", "connect", "certificate", "protocol", "redirect"),
    "proxy to hub": ("hub", "round-trip", "idle", "history", "clock"),
    "pages": ("origin", "stranger", "anonymous", "page"),
    "apps": ("key", "placeholder", "strangers", "app"),
}
_WORST = ("fail", "warn", "pass", "skip")


@dataclass(frozen=True)
class Diagnosed:
    """One hub: what was asked, what every probe saw, and the generation that the hub says it is of."""

    target: "Target"
    seen: Sequence["Seen"]
    generation: str | None

    @property
    def findings(self) -> list[Finding]:
        """All of them, in the order of the probes."""
        return [finding for each in self.seen for finding in each.findings]

    def wrong(self, *, strict: bool) -> bool:
        """Whether something is wrong; `strict` is whether a warning counts too."""
        return any(each.outcome == "fail" or (strict and each.outcome == "warn") for each in self.seen)


def text(diagnosed: Sequence[Diagnosed], *, more: bool = False) -> Iterator[tuple[str, str | None]]:
    """A line a probe with its findings below it, each with its colour; a last line with the counts."""
    for each in diagnosed:
        yield f"{each.target.name}: {each.target.url}" if each.target.env else each.target.url, None
        width = max(len(seen.name) for seen in each.seen)
        for seen in (seen for seen in each.seen if seen.outcome != "skip"):
            # what a finding says below is not said twice
            said = [seen.evidence] if seen.evidence not in {finding.what for finding in seen.findings} else []
            words = ": ".join([*([seen.subject] if seen.subject else []), *said])
            line = f"{_WORDS[seen.outcome]:<4}  {seen.name:<{width}}  {words}".rstrip()
            yield printable(line, 600), _COLOURS[seen.outcome]
            for finding in seen.findings:
                for row in finding_text(finding, more=more):
                    yield printable(f"      {row}", 600), None
            if seen.hint:
                yield printable(f"      hint: {seen.hint}", 600), None
        yield from _skipped(each.seen)
    yield _counts(diagnosed), None


def _skipped(seen: Sequence["Seen"]) -> Iterator[tuple[str, str | None]]:
    """One line of what was not asked, and why."""
    reasons: dict[str, list[str]] = {}
    for each in (each for each in seen if each.outcome == "skip"):
        names = reasons.setdefault(each.evidence, [])
        names += [each.name] if each.name not in names else []
    if reasons:
        shown = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
        yield printable(f"skip  {shown}", 900), _COLOURS["skip"]


def _counts(diagnosed: Sequence[Diagnosed]) -> str:
    findings = [finding for each in diagnosed for finding in each.findings]
    seen = [seen for each in diagnosed for seen in each.seen]
    skipped = sum(each.outcome == "skip" for each in seen)
    # what went wrong by nothing that has an id counts all the same
    errors, warnings = counts(findings)
    errors += sum(each.outcome == "fail" and bool(each.hint) for each in seen)
    warnings += sum(each.outcome == "warn" and bool(each.hint) for each in seen)
    said = f"{many(errors, 'error')}, {many(warnings, 'warning')}" if errors or warnings else "nothing is wrong"
    return f"{many(len(seen) - skipped, 'probe')} ({skipped} skipped): {said}"


def as_json(diagnosed: Sequence[Diagnosed], *, ok: bool) -> str:
    """The form of the contract's part 2, section 4."""
    environments = {
        each.target.name: {
            "hub": each.target.url,
            "generation": each.generation,
            "probes": [
                {
                    "name": seen.name,
                    "subject": seen.subject,
                    "outcome": seen.outcome,
                    "evidence": printable(seen.evidence, 600),
                    "ms": seen.ms,
                }
                for seen in each.seen
            ],
            "findings": [finding_row(finding) for finding in each.findings],
        }
        for each in diagnosed
    }
    return json.dumps({"version": 1, "ok": ok, "environments": environments}, indent=2)


def page(diagnosed: Sequence[Diagnosed], now: "datetime", abouts: Mapping[str, str]) -> dict[str, object]:
    """What the page of `--html` is made of; `abouts` are what each probe asks."""
    title = "A Mercure hub" if len(diagnosed) == 1 else f"{len(diagnosed)} Mercure hubs"
    return {
        "title": f"{title}: {_counts(diagnosed)}",
        "asked": stamp(now),
        "environments": [_environment(each, now, abouts) for each in diagnosed],
    }


def _environment(each: Diagnosed, now: "datetime", abouts: Mapping[str, str]) -> dict[str, object]:
    target = each.target
    most = target.env.keys.max_age.days if target.env else 90
    rows = [{**vars(seen), "word": _WORDS[seen.outcome], "about": abouts.get(seen.name, "")} for seen in each.seen]
    return {
        "name": target.name,
        "hub": target.url,
        "summary": _counts([each]),
        "map": list(_map(each)),
        "found": sorted(each.findings, key=lambda finding: finding.level),
        "unnamed": [seen for seen in each.seen if seen.hint],
        "ring": [
            {
                "fingerprint": key.fingerprint,
                "algorithm": key.algorithm,
                "state": key.state,
                "since": stamp(key.since),
                "age": (now - key.created).days,
                "most": most,
                "share": round(100 * (now - key.created).days / max(most, 1)),
            }
            for key in (target.keys if target.env else ())
        ],
        "rotation": "a rotation is open" if len(target.keys) > 1 else "no rotation is open",
        "probes": rows,
    }


def _map(each: Diagnosed) -> Iterator[dict[str, str]]:
    """The ways between browser, proxy, hub and apps, each as its worst probe has it."""
    for name, probes in _MAP.items():
        seen = [one for one in each.seen if one.name in probes]
        worst = min(seen, key=lambda one: _WORST.index(one.outcome), default=None)
        if worst is not None:
            wrong = dict.fromkeys(one.evidence for one in seen if one.outcome in {"fail", "warn"})
            right = dict.fromkeys(one.name for one in seen if one.outcome == "pass")
            shown = "; ".join(wrong) or (worst.evidence if worst.outcome == "skip" else ", ".join(right))
            yield {"name": name, "outcome": worst.outcome, "word": _WORDS[worst.outcome], "evidence": shown}

"""How a hub is asked: probes that need each other, side by side where they do not, and what each of them saw."""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from mercure_deploy.errors import printable
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Finding, Level
from mercure_deploy.hub.fetch import Reply, Way
from mercure_deploy.hub.replies import Cause
from mercure_deploy.keys import Key
from mercure_deploy.spec import Environment, Hub

Outcome = Literal["pass", "fail", "warn", "skip"]
# of probes that ask at once; a hub is not to be flooded
_THREADS = 16
_BECAUSE = "because of "
_LONGEST = 500


@dataclass(frozen=True)
class Target:
    """The hub that is asked, and what is known of it.

    `env` is None for a hub that no spec speaks of; then `keys` are what an env file holds. `pages` are (origin, the hub
    as that page sees it). `anonymous` is whether strangers may subscribe, None where nobody said. `idle` is in seconds.
    `judged` is what is wrong in an env file that was given, None where none was.
    """

    name: str
    hub: Hub
    way: Way
    now: Callable[[], datetime]
    env: Environment | None = None
    keys: tuple[Key, ...] = ()
    pages: tuple[tuple[Origin, str], ...] = ()
    page: str | None = None
    idle: float | None = None
    answer: Mapping[str, object] | None = None
    names: tuple[Origin, ...] = ()
    judged: tuple[Finding, ...] | None = None

    @property
    def url(self) -> str:
        """The hub's public URL."""
        return self.hub.public_url

    def say(self, ours: str, anybodys: str) -> str:
        """The first words where the hub is of a spec, the second where it is not."""
        return ours if self.env else anybodys

    @property
    def inside(self) -> bool:
        """Whether apps publish by another URL than the public one."""
        return self.env is not None and self.env.hub.internal_url is not None

    @property
    def production(self) -> bool:
        """Whether it is to be judged as a hub in production."""
        return self.env is None or self.env.mode == "production"


@dataclass
class Known:
    """What probes found out for those after them. `offset` is the hub's clock minus ours, in seconds.

    `asked` are the methods of the requests so far, `rewritten` is whether a proxy writes the hub's refusals anew,
    `accepted` whether the hub takes a key of the ring, `refused` whether it takes one of them for nothing.
    """

    first: Reply | None = None
    generation: str | None = None
    offset: float = 0.0
    asked: list[str] = field(default_factory=list)
    rewritten: bool = False
    accepted: bool = False
    refused: bool = False
    metadata: Mapping[str, object] | None = None

    @property
    def spent(self) -> int:
        """How many requests have been made."""
        return len(self.asked)


@dataclass(frozen=True)
class Asking:
    """A target, and what is known of it by now."""

    target: Target
    known: Known = field(default_factory=Known)


@dataclass(frozen=True)
class Seen:
    """What one probe saw. `subject` is what it was about: an origin, the fingerprint of a key.

    `hint` is what to look at where it failed by nothing that has an id.
    """

    name: str
    outcome: Outcome
    evidence: str
    subject: str | None = None
    findings: tuple[Finding, ...] = ()
    ms: int = 0
    hint: str = ""


@dataclass(frozen=True)
class Probe:
    """`needs` has to pass before, `hinges` has to pass for what this one finds to count; `after` has to be over."""

    name: str
    about: str
    run: Callable[[Asking, str | None], Seen]
    needs: tuple[str, ...]
    hinges: tuple[str, ...]
    after: tuple[str, ...]
    subjects: Callable[[Target], Sequence[str | None]]


# clocks that are further apart, in seconds, are a matter for tokens
SKEW = 30
# as they are shown
_ORDER = (
    "env-file resolve connect certificate protocol redirect hub anonymous clock placeholder strangers key round-trip"
    " history idle origin stranger page app"
).split()
PROBES: list[Probe] = []
Function = Callable[[Asking, str | None], Seen]


def probe(
    name: str,
    *,
    needs: tuple[str, ...] = (),
    hinges: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    subjects: Callable[[Target], Sequence[str | None]] = lambda _target: (None,),
) -> Callable[[Function], Function]:
    """A probe under its name; the docstring of the function is what it asks."""

    def decorate(function: Function) -> Function:
        about = (function.__doc__ or "").partition("\n")[0]
        PROBES.append(Probe(name, about, function, needs, hinges, after, subjects))
        return function

    return decorate


def passed(evidence: str) -> Seen:
    """A probe that passed, with its evidence."""
    return Seen("", "pass", printable(evidence, _LONGEST))


def skipped(evidence: str) -> Seen:
    """A probe that was not made, and why."""
    return Seen("", "skip", evidence)


def failed(cause: Cause, evidence: str | None = None, *, level: Level = "error") -> Seen:
    """Something is wrong; a cause without an id is what was seen, and nothing is explained by it."""
    # a part of it may be what a strange server said
    what, hint = printable(cause.what, _LONGEST), printable(cause.hint, _LONGEST)
    finding = (Finding(cause.id, level, what, hint),) if cause.id else ()
    outcome: Outcome = "fail" if level == "error" else "warn"
    return Seen("", outcome, printable(evidence or what, _LONGEST), findings=finding, hint="" if finding else hint)


def run(asking: Asking) -> list[Seen]:
    """What every probe saw, in their order."""
    waiting = {(each.name, subject): each for each in PROBES for subject in each.subjects(asking.target)}
    asked = list(waiting)
    done: dict[tuple[str, str | None], Seen] = {}
    finished: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()
    running = 0

    def work(each: Probe, subject: str | None) -> None:
        began = time.monotonic()
        try:
            seen = each.run(asking, subject)
        except Exception as error:  # noqa: BLE001 - a strange peer ends one probe, not the run
            seen = Seen("", "fail", f"could not be asked: {type(error).__name__}", hint="a report of this is welcome")
        spent = round((time.monotonic() - began) * 1000)
        done[each.name, subject] = replace(seen, name=each.name, subject=subject, ms=spent)
        finished.put((each.name, subject))

    while waiting or running:
        for (name, subject), each in list(waiting.items()):
            over = not any(other in each.after for other, about in asked if (other, about) not in done)
            state = _ready(each, subject, done) if over else False
            if state is True and running < _THREADS:
                del waiting[name, subject]
                running += 1
                threading.Thread(target=work, args=(each, subject), daemon=True).start()
            elif isinstance(state, str):
                del waiting[name, subject]
                done[name, subject] = Seen(name, "skip", f"{_BECAUSE}{state}", subject)
        if running:
            finished.get()
            running -= 1
    return _settled(sorted(done.values(), key=lambda seen: _ORDER.index(seen.name)))


def _ready(each: Probe, subject: str | None, done: Mapping[tuple[str, str | None], Seen]) -> bool | str:
    """Whether it can be made now; the name of the probe that stands in its way for good."""
    for need in each.needs:
        # what another name of the hub has is no hindrance for the first one
        seen = done.get((need, subject)) or done.get((need, None))
        if seen is None:
            return False
        if seen.outcome == "fail":
            return need
        if seen.outcome == "skip" and seen.evidence.startswith(_BECAUSE):
            return seen.evidence.removeprefix(_BECAUSE)
    return True


def _settled(seen: Sequence[Seen]) -> list[Seen]:
    """One finding for one cause: what hinges on a probe that failed says nothing of its own."""
    fails = {each.name for each in seen if each.outcome == "fail"}
    ids = {finding.id for each in seen for finding in each.findings}
    hinges = {each.name: each.hinges for each in PROBES}
    counting = [_hinged(each, next((name for name in hinges[each.name] if name in fails), None)) for each in seen]
    rows = [(finding, each) for each in counting for finding in each.findings if not _explained(finding.id, ids)]
    chosen: dict[str, tuple[Finding, Seen]] = {}
    for finding, each in rows:
        before = chosen.get(finding.id)
        if before is None or (before[0].level == "warning" and finding.level == "error"):
            chosen[finding.id] = (finding, each)
    said = {id_: _with_others(finding, each, rows) for id_, (finding, each) in chosen.items()}
    homes = {id_: each for id_, (_, each) in chosen.items()}
    return [
        replace(each, findings=tuple(said[f.id] for f in each.findings if homes.get(f.id) is each)) for each in counting
    ]


def _hinged(each: Seen, lost: str | None) -> Seen:
    """The same, not counted where it hinges on what failed."""
    if lost is None or each.outcome not in {"fail", "warn"}:
        return each
    return replace(each, outcome="skip", evidence=f"{_BECAUSE}{lost}", findings=(), hint="")


def _with_others(finding: Finding, home: Seen, rows: Sequence[tuple[Finding, Seen]]) -> Finding:
    """The same, with the other subjects of which it was found."""
    others = [each.subject for other, each in rows if other.id == finding.id and each is not home and each.subject]
    return replace(finding, what=f"{finding.what} (so is {', '.join(others[:4])})") if others else finding


def _explained(id_: str, ids: set[str]) -> bool:
    """Whether something worse explains it.

    A hub with a placeholder as its key knows no other; a proxy that refuses methods refuses preflights too.
    """
    worse = {"key-placeholder", "jwt-key-confusion", "key-quoting", "key-too-short", "pem-in-env"}
    by_placeholder = id_ in {"key-mismatch", "alg-mismatch"} and bool(worse & ids)
    return by_placeholder or (id_ == "cors-origin-mismatch" and "proxy-not-routing" in ids)

"""A mercure block as hub 0.24 takes it in: word by word, the rest of a line where a directive wants it.

A word that it does not know is passed over without a word to anybody, with or without a line of its own; what it
refuses keeps it from starting (read in its parser, and held against the real hub by generated blocks).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mercure_deploy.errors import typed
from mercure_deploy.findings import Finding
from mercure_deploy.readers.block import DIRECTIVES, FLAGS, KEYS, ORIGINS, split, taken_by
from mercure_deploy.readers.places import Directive, Value
from mercure_deploy.simulation import go

_DURATIONS = frozenset({"write_timeout", "dispatch_timeout", "heartbeat"})
_NUMBERS = frozenset({"topic_selector_cache", "subscriber_list_cache_size", "protocol_version_compatibility"})
_TRANSPORTS = frozenset({"bolt", "local"})


@dataclass
class Taken:
    """What counts in the end: of a directive that is said twice the last one.

    `values` are the arguments by directive, `flags` the directives without one. `passed_over` are the words that are no
    directive where they stand, with the word before them on their line, the first of each run; `twice` the origins of
    a directive that another of its name replaces; `refused` all that keeps the hub from starting.
    """

    values: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    passed_over: list[tuple[Value, str | None]] = field(default_factory=list)
    twice: list[Value] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    transport: tuple[Directive, ...] = ()
    modules: bool = False

    def one(self, name: str) -> Value | None:
        """The first argument of a directive."""
        return next(iter(self.values.get(name, ())), None)


def take(directives: Sequence[Directive], *, modules: bool = False) -> Taken:
    """What the hub takes from the lines of a block, those of blocks that it does not know included.

    `modules` is whether its image is one of somebody's own, which may have transports that the open hub has not.
    """
    taken = Taken(modules=modules)
    for each, inside in _lines(directives):
        _take(taken, each, inside=inside)
    # what is replaced is never looked at
    for name in sorted(ORIGINS):
        taken.refused += (finding for each in taken.values.get(name, ()) for finding in _origin(name, each))
    return taken


def _take(taken: Taken, each: Directive, *, inside: bool) -> None:
    word = Value(each.name, each.place)
    known = each.name in DIRECTIVES
    count = taken_by(each.name, each.arguments) if known else 0
    arguments, beyond = each.arguments[:count], each.arguments[count:]
    if not inside:
        taken.refused += map(_brace, (one for one in (word, *beyond) if one.text in {"{", "}"}))
        passed_over = beyond[:1] if known else (word,)
        taken.passed_over += ((one, each.name if known else None) for one in passed_over)
    if each.name in FLAGS:
        taken.flags.add(each.name)
    elif known:
        # the name of a module of somebody's own
        named = each.name == "transport" and taken.modules and arguments
        taken.refused += () if named else _problems(word, arguments)
        if each.name in ORIGINS:
            taken.twice += taken.values.get(each.name, ())
        # an algorithm stays where a later line has a key alone
        kept = taken.values.get(each.name, ())[1:] if each.name in KEYS and count == 1 else ()
        taken.values[each.name] = (*arguments, *kept)
        if each.name == "transport" and not beyond:
            taken.transport = each.block
            taken.refused += _transport(each.block)


def _brace(word: Value) -> Finding:
    what = "is a brace that opens or closes nothing here: the hub does not start"
    return _refused(word, what, "leave it out, or put a block between two")


def _lines(directives: Sequence[Directive], *, inside: bool = False) -> Iterator[tuple[Directive, bool]]:
    for each in split(directives):
        yield each, inside
        if each.block and each.name != "transport":
            yield from _lines(each.block, inside=True)


def _problems(word: Value, arguments: Sequence[Value]) -> Iterator[Finding]:
    name = word.text
    if not arguments:
        yield _refused(word, f"{name} without a value: the hub does not start", f"{name} with its value, or no line")
        return
    value = arguments[0]
    if "{$" in value.text:
        return
    if name in _DURATIONS and not go.is_duration(value.text):
        yield _refused(value, f"{name} wants a duration: the hub does not start", f"e.g. {name} 30s")
    elif name in _NUMBERS and not go.is_number(value.text):
        yield _refused(value, f"{name} wants a number: the hub does not start", f"e.g. {name} 1000")
    elif name == "subscriber_list_cache_size" and int(value.text) < 0:
        yield _refused(value, f"{name} is below 0: the hub does not start", f"e.g. {name} 1000")
    elif name == "protocol_version_compatibility" and int(value.text) != 7:
        hint = "7 on hub 0.24; 8 is a word of hub 1.0"
        yield Finding(
            "hub-upgrade-break", "error", f"{typed(value.text, 10)}: hub 0.24 does not start", hint, value.place
        )
    elif name == "transport" and value.text not in _TRANSPORTS:
        what = f"there is no transport {typed(value.text, 40)}: the hub does not start"
        if "://" in value.text:
            what = "transport takes the name of a module, not a URL: the hub does not start"
        yield _refused(value, what, "transport bolt { path /data/mercure.db }, or transport local")


def _origin(name: str, value: Value) -> Iterator[Finding]:
    text = value.text
    if "<" in text or "{$" in text:
        # masked by who reports it, or filled from what no file says
        return
    problem = go.origin_problem(text)
    if problem is None:
        return
    what, hint = f"{problem}: the hub does not start", "scheme, host and port alone: https://app.example.com"
    if text in DIRECTIVES:
        what = f"{text} stands on the line of {name}, and is taken for an origin: the hub does not start"
        hint = "one directive a line"
    elif "\\n" in text:
        what, hint = "holds \\n as two characters, not a line break: the hub does not start", "one directive a line"
    elif "," in text:
        what, hint = "has a comma, and the hub does not start", "origins stand beside each other with blanks"
    elif text[:1] in "'\"" or " " in text:
        what = "is one origin with quotes around it: the hub does not start"
        if len(text.split()) > 1:
            what = "is one origin, as quotes are around all of them: the hub does not start"
        hint = "leave the quotes out"
    elif problem == "has no scheme":
        what, hint = "is no origin: it has no scheme, and the hub does not start", "write it with https://"
    elif problem == "ends with a slash":
        what, hint = "ends with a slash, and the hub refuses to start", "leave the slash out"
    yield _refused(value, what, hint)


def _transport(block: Sequence[Directive]) -> Iterator[Finding]:
    for each in block:
        wanted = {"path", "bucket_name", "cleanup_frequency", "size"}
        if each.name in wanted and not each.arguments:
            place = Value(each.name, each.place)
            yield _refused(place, f"{each.name} without a value: the hub does not start", f"{each.name} with its value")
        elif each.name == "size" and not each.arguments[0].text.isdigit():
            yield _refused(each.arguments[0], "size wants a number: the hub does not start", "size 10000")


def _refused(where: Value, what: str, hint: str) -> Finding:
    return Finding("directive-syntax", "error", what, hint, where.place)

"""YAML text as plain values, built from the parser's events, with the place of every word when it is asked for.

Events cost a fifth of a loader's time, and carry lines and columns, so that no second parser is needed for errors.
Only what a spec needs is let through: no tags of one's own, no second document, no alias that grows without bound.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from mercure_deploy.errors import Problem, Trouble, typed

Path = tuple[str | int, ...]
Place = tuple[int, int]  # line and column, both from 1

_DEEPEST = 32
# what all aliases together may stand for: far more than a fleet needs, far less than a bomb
_LARGEST_ALIASES = 200_000
# characters that the Python parser reads in some seconds
_SLOW = 500_000
_CORE = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_NUMERIC_START = frozenset("+-.0123456789")


@dataclass
class _State:
    """One pass over the events. `places`, path -> (of its key, of its value), is filled when it is not None."""

    name: str
    events: Iterator[Any]
    places: dict[Path, tuple[Place, Place]] | None
    anchors: dict[str, tuple[Any, Path, int]] = field(default_factory=dict)
    nodes: int = 0
    aliased: int = 0


def parse(text: str, name: str, *, places: dict[Path, tuple[Place, Place]] | None = None, pure: bool = False) -> Any:  # noqa: ANN401
    """The value in `text`, None when there is none. Trouble, located, when it is not YAML or not for a spec."""
    try:
        return _parsed(text, name, places, pure=pure)
    except (YAMLError, Trouble) as error:
        if places is not None:
            places.clear()
        # the C parser knows YAML 1.1 only, where [https://example.com] is an error, and {1?: x} has the key 1: the
        # Python one has the last word, unless it would take minutes for it
        first = error
    try:
        if len(text) > _SLOW:
            raise first
        return _parsed(text, name, places, pure=True)
    except Trouble as trouble:
        # YAML that is none for a spec, because of what was typed there
        typed = {problem.where: problem for problem in _slips(text, name)}
        line = (trouble.problems[0].where or "").rpartition(":")[0]
        raise Trouble(
            *[p for where, p in typed.items() if (where or "").rpartition(":")[0] == line] or trouble.problems
        ) from None
    except MarkedYAMLError as error:
        raise Trouble(*_slips(text, name, _line(error)) or [_marked(error, text, name)]) from None
    except YAMLError as error:
        problem = Problem(f"is not YAML: {_reader_problem(error)}", where=_reader_place(error, text, name))
        raise Trouble(*_slips(text, name) or [problem]) from None


def _parsed(text: str, name: str, places: dict[Path, tuple[Place, Place]] | None, *, pure: bool) -> Any:  # noqa: ANN401
    return _document(_State(name, iter(YAML(typ="safe", pure=pure).parse(text)), places))


def _document(state: _State) -> Any:  # noqa: ANN401
    value, documents = None, 0
    for event in state.events:
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _problem(state, event, "a second document begins here", "one file, one spec: remove the ---")
            value = _node(state, next(state.events), ())
    return value


def _node(state: _State, event: Any, path: Path) -> Any:  # noqa: ANN401
    if len(path) > _DEEPEST:
        raise _problem(state, event, f"is nested deeper than {_DEEPEST} levels")
    state.nodes += 1
    if state.places is not None and path not in state.places:
        state.places[path] = (_place(event), _place(event))
    if isinstance(event, AliasEvent):
        return _alias(state, event, path)
    if event.anchor and event.anchor in state.anchors:
        raise _problem(state, event, "this anchor has been used already", "give each anchor a name of its own")
    before = state.nodes + state.aliased
    if isinstance(event, ScalarEvent):
        value = _scalar(state, event)
    elif isinstance(event, MappingStartEvent):
        value = _mapping(state, event, path)
    else:
        value = _sequence(state, event, path)
    if event.anchor:
        state.anchors[event.anchor] = (value, path, state.nodes + state.aliased - before + 1)
    return value


def _alias(state: _State, event: AliasEvent, path: Path) -> Any:  # noqa: ANN401
    if event.anchor not in state.anchors:
        raise _problem(state, event, "this alias has no anchor before it")
    value, origin, size = state.anchors[event.anchor]
    state.aliased += size
    if state.aliased > _LARGEST_ALIASES:
        raise _problem(state, event, "the aliases stand for too much", "write out what they stand for")
    _copy_places(state, origin, path)
    return value


def _copy_places(state: _State, origin: Path, path: Path) -> None:
    """What is said through an alias stands where its anchor is."""
    if state.places is None:
        return
    below = [(known, place) for known, place in state.places.items() if known[: len(origin)] == origin]
    for known, place in below:
        if known != origin:
            state.places.setdefault(path + known[len(origin) :], place)


def _sequence(state: _State, start: SequenceStartEvent, path: Path) -> list[Any]:
    _tag(state, start, "seq")
    items: list[Any] = []
    for event in state.events:
        if isinstance(event, SequenceEndEvent):
            break
        items.append(_node(state, event, (*path, len(items))))
    return items


def _mapping(state: _State, start: MappingStartEvent, path: Path) -> dict[str, Any]:
    _tag(state, start, "map")
    own: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    seen: dict[str, Place] = {}
    for event in state.events:
        if isinstance(event, MappingEndEvent):
            break
        key, place = _key(state, event), _place(event)
        if key in seen:
            line, column = seen[key]
            raise _problem(state, event, f"{typed(key, 40)} is said twice, first in line {line}, column {column}")
        seen[key] = place
        value_event = next(state.events)
        if state.places is not None:
            # the parsers do not agree where nothing is
            nothing = isinstance(value_event, ScalarEvent) and not value_event.value
            state.places[*path, key] = (place, place if nothing else _place(value_event))
        value = _node(state, value_event, (*path, key))
        if key == "<<" and event.implicit[0]:
            _merge(state, event, value, merged, path)
        else:
            own[key] = value
    return {**merged, **own} if merged else own


def _merge(state: _State, event: Any, value: Any, merged: dict[str, Any], path: Path) -> None:  # noqa: ANN401
    sources = value if isinstance(value, list) else [value]
    for number, source in enumerate(sources):
        if not isinstance(source, dict):
            raise _problem(state, event, "<< needs a mapping, or a list of them")
        base = (*path, "<<", number) if isinstance(value, list) else (*path, "<<")
        for key, each in source.items():
            if key not in merged:
                merged[key] = each
                if state.places is not None:
                    for known, place in [(k, p) for k, p in state.places.items() if k[: len(base) + 1] == (*base, key)]:
                        state.places.setdefault((*path, *known[len(base) :]), place)


def _key(state: _State, event: Any) -> str:  # noqa: ANN401
    if isinstance(event, AliasEvent) or not isinstance(event, ScalarEvent):
        raise _problem(state, event, "a key must be plain text")
    value = _scalar(state, event)
    # a number, a boolean or nothing is told as the wrong word that it is, beside the other mistakes
    return value if isinstance(value, str) else str(event.value)


def _scalar(state: _State, event: ScalarEvent) -> Any:  # noqa: ANN401
    text = event.value
    if event.tag and event.tag != "!":
        return _tagged(state, event, text)
    if not event.implicit[0] or event.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in _NUMERIC_START else text


def _number(text: str) -> Any:  # noqa: ANN401
    if _INTEGER.fullmatch(text):
        # no number of a spec is that long, and a longer one would only cost time
        return int(text, 0 if text[:2] in {"0x", "0o"} else 10) if len(text) <= 40 else float("inf")
    return float(text.replace(".inf", "inf").replace(".nan", "nan").lower()) if _FLOAT.fullmatch(text) else text


def _tagged(state: _State, event: ScalarEvent, text: str) -> Any:  # noqa: ANN401
    kind = str(event.tag).removeprefix(_CORE)
    if kind == "str":
        return text
    plain = _WORDS.get(text, _number(text) if text[:1] in _NUMERIC_START and text else text)
    if {"int": int, "float": float, "bool": bool, "null": type(None)}.get(kind) is type(plain):
        return plain
    raise _problem(state, event, "this tag is not for a spec", "remove it")


def _tag(state: _State, event: Any, kind: str) -> None:  # noqa: ANN401
    if event.tag not in {None, "!", _CORE + kind}:
        raise _problem(state, event, "this tag is not for a spec", "remove it")


def _place(event: Any) -> Place:  # noqa: ANN401
    return event.start_mark.line + 1, event.start_mark.column + 1


def _problem(state: _State, event: Any, what: str, hint: str | None = None) -> Trouble:  # noqa: ANN401
    line, column = _place(event)
    return Trouble(Problem(what, hint, f"{state.name}:{line}:{column}"))


def _slips(text: str, name: str, line: int | None = None) -> list[Problem]:
    from mercure_deploy.spec.typos import slips  # noqa: PLC0415 - only when something is wrong

    return slips(text, name, line)


def _line(error: MarkedYAMLError) -> int:
    """The line, from 1, where the parser gave up."""
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def _marked(error: MarkedYAMLError, text: str, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line if mark else 0
    lines = text.split("\n")
    indentation = re.match(r"[ \t]*", lines[line] if line < len(lines) else "")
    hint = "indent with spaces, YAML refuses tabs" if indentation and "\t" in indentation[0] else None
    what = re.sub(r"\s+", " ", error.problem or "it cannot be read")
    where = f"{name}:{line + 1}:{mark.column + 1 if mark else 1}"
    return Problem(f"is not YAML: {''.join(c for c in what if c.isprintable())[:100]}", hint, where)


def _reader_problem(error: YAMLError) -> str:
    character = getattr(error, "character", None)
    shown = f"#x{character:02x} " if isinstance(character, int) else ""
    return f"the control character {shown}is not allowed" if shown else "it holds a character that is not allowed"


def _reader_place(error: YAMLError, text: str, name: str) -> str:
    position = getattr(error, "position", 0)
    before = text[: position if isinstance(position, int) else 0]
    return f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"

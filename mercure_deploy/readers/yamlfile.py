"""YAML of others as nodes with places: aliases are not expanded, tags are let be, nothing is constructed."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from mercure_deploy.facts.scalars import NULLS
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Value

_T = TypeVar("_T")


@dataclass(frozen=True)
class Node:
    """A node of a YAML file."""

    file: str
    node: Any

    @property
    def place(self) -> Place:
        """Where it begins."""
        mark = self.node.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)

    def get(self, *names: str) -> "Node | None":
        """What stands below these keys, None when there is none."""
        here: Node | None = self
        for name in names:
            here = next((value for key, value in here.items() if key.text == name), None) if here else None
        return here

    def items(self) -> Iterator[tuple[Value, "Node"]]:
        """Keys and values of a mapping, then those that are merged into it and not its own; nothing for other nodes."""
        waiting, seen, names = deque([self.node]), set(), set()
        while waiting:
            node = waiting.popleft()
            if node.id != "mapping" or id(node) in seen:
                continue
            seen.add(id(node))
            for key, value in node.value:
                name = key.value if key.id == "scalar" else None
                if name == "<<":
                    waiting += value.value if value.id == "sequence" else [value]
                elif name is not None and name not in names:
                    names.add(name)
                    mark = key.start_mark
                    yield Value(name, Place(self.file, mark.line + 1, mark.column + 1)), Node(self.file, value)

    def sequence(self) -> "list[Node]":
        """The items of a list; nothing for any other node."""
        return [Node(self.file, each) for each in self.node.value] if self.node.id == "sequence" else []

    @property
    def scalar(self) -> Value | None:
        """Its text as YAML reads it; None for lists and mappings, and for nothing."""
        if self.node.id != "scalar" or (not self.node.value and not self.node.style):
            return None
        if self.node.style not in {"|", ">"}:
            return Value(self.node.value, self.place)
        # a block begins on the line after its sign
        mark = self.node.start_mark
        lines = mark.buffer[mark.index :].split("\n", 2)[1:2]
        indent = len(lines[0]) - len(lines[0].lstrip(" ")) if lines else 0
        return Value(self.node.value, Place(self.file, mark.line + 2, indent + 1), None, indent)

    @property
    def plain(self) -> bool:
        """Whether it is a scalar without quotes, so that YAML may take it for a number."""
        return self.node.id == "scalar" and not self.node.style

    @property
    def is_null(self) -> bool:
        """Whether it is nothing to YAML, be it said by a word."""
        return self.plain and self.node.value in {"", *NULLS}

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return bool(self.node.id == "mapping")


def read_all(path: str, text: str) -> "list[Node] | Finding":
    """The documents of a file with several, a finding where it is not YAML."""
    return _composed(path, lambda yaml: [Node(path, node) for node in yaml.compose_all(text) if node is not None])


def read(path: str, text: str) -> Node | Finding | None:
    """The document, None when it is empty, a finding where it is not YAML."""
    found = _composed(path, lambda yaml: yaml.compose(text))
    return found if isinstance(found, Finding) or found is None else Node(path, found)


def _composed(path: str, compose: Callable[[Any], _T]) -> _T | Finding:
    from ruamel.yaml import YAML  # noqa: PLC0415 - most files are no YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        return compose(YAML(typ="rt", pure=True))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(path, mark.line + 1, mark.column + 1) if mark else Place(path, 1)
        return Finding("directive-syntax", "error", "is not YAML from here on", "look at indentation and quotes", place)
    except (YAMLError, RecursionError, ValueError):
        return Finding("directive-syntax", "error", "is not YAML", "look at indentation and quotes", Place(path, 1))

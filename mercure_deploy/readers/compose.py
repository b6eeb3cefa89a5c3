"""Compose files as docker compose reads them: services with their variables, ports and volumes.

The list form keeps quotes inside an item, the mapping form does not; `${NAME:-default}` is filled in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from mercure_deploy.readers.places import Place, Service, Value
from mercure_deploy.readers.yamlfile import Node

_REFERENCE = re.compile(
    r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<kind>:?[-?+])(?P<word>[^}]*))?\}|(?P<bare>[A-Za-z_][A-Za-z0-9_]*))"
)
Known = Mapping[str, Value]


def services(document: Node, known: Known) -> list[Service]:
    """The services of a compose file; `known` are the variables that fill its references."""
    found = []
    for name, node in _items(document, "services"):
        service = Service(document.file, name.text, name.place)
        filled = _filler(known)
        service.image = _filled(node.get("image"), filled)
        service.command = _command(node.get("command"), filled)
        service.healthcheck = _command(node.get("healthcheck", "test"), filled)
        service.environment = _environment(node.get("environment"), filled, known)
        service.env_files = _env_files(node.get("env_file"))
        service.ports = [port for each in _sequence(node, "ports") for port in [_port(each, filled)] if port]
        service.volumes = [target for each in _sequence(node, "volumes") for target in [_target(each)] if target]
        service.configs = _configs(node, document)
        replicas = node.get("deploy", "replicas") or node.get("scale")
        service.replicas = replicas.scalar if replicas else None
        found.append(service)
    return found


def _items(document: Node, name: str) -> list[tuple[Value, Node]]:
    node = document.get(name)
    return list(node.items()) if node else []


def _sequence(node: Node, name: str) -> list[Node]:
    found = node.get(name)
    return found.sequence() if found else []


def _filler(known: Known) -> Callable[[str], str]:
    def fill(found: "re.Match[str]") -> str:
        name = found["name"] or found["bare"]
        if name is None:
            return "$"
        value = known.get(name)
        if value is not None and (value.text or not (found["kind"] or "").startswith(":")):
            return value.text
        return found["word"] or "" if (found["kind"] or "").endswith("-") else ""

    return lambda text: _REFERENCE.sub(fill, text)


def references(text: str) -> set[str]:
    """The variables that a value refers to without a default."""
    return {
        found["name"] or found["bare"]
        for found in _REFERENCE.finditer(text)
        if (found["name"] or found["bare"]) and not (found["kind"] or "").endswith("-")
    }


def _filled(node: Node | None, fill: Callable[[str], str]) -> Value | None:
    value = node.scalar if node else None
    return Value(fill(value.text), value.place, value.text) if value else None


def _command(command: Node | None, fill: Callable[[str], str]) -> Value | None:
    """A command as one text, be it written as a list."""
    if command is None:
        return None
    words = [word.scalar.text for word in command.sequence() if word.scalar]
    return Value(fill(" ".join(words)), command.place) if words else _filled(command, fill)


def _environment(node: Node | None, fill: Callable[[str], str], known: Known) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if node is None:
        return found
    for key, value in node.items():
        scalar = value.scalar
        if scalar is not None:
            found[key.text] = replace(scalar, text=fill(scalar.text), raw=scalar.text)
        elif not value.is_mapping and key.text in known:
            # a name without a value comes from outside
            found[key.text] = Value(known[key.text].text, value.place, "")
    for item in node.sequence():
        scalar = item.scalar
        if scalar is None:
            continue
        name, equals, text = scalar.text.partition("=")
        if equals:
            place = Place(scalar.place.file, scalar.place.line, scalar.place.column + len(name) + 1)
            found[name] = Value(fill(text), place, text)
        elif name in known:
            found[name] = Value(known[name].text, scalar.place, "")
    return found


def _env_files(node: Node | None) -> list[Value]:
    if node is None:
        return []
    paths = (
        [node.scalar] if node.scalar else [each.scalar or (each.get("path") or each).scalar for each in node.sequence()]
    )
    return [path for path in paths if path]


def _port(node: Node, fill: Callable[[str], str]) -> tuple[int | None, int, Place] | None:
    scalar = node.scalar
    if scalar is None:
        target, published = node.get("target"), node.get("published")
        words = [each.scalar.text if each and each.scalar else "" for each in (published, target)]
    else:
        words = fill(scalar.text).partition("/")[0].rsplit(":", 2)[-2:]
        words = ["", *words][-2:]
    host, container = words
    if not container.isdigit():
        return None
    return (int(host) if host.isdigit() else None), int(container), node.place


def _target(node: Node) -> str | None:
    scalar = node.scalar
    if scalar is None:
        target = node.get("target")
        return target.scalar.text if target and target.scalar else None
    parts = scalar.text.split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _configs(node: Node, document: Node) -> dict[str, Value]:
    """Files that compose makes in the container: target -> content."""
    found = {}
    for each in _sequence(node, "configs"):
        source, target = each.get("source"), each.get("target")
        content = document.get("configs", source.scalar.text, "content") if source and source.scalar else None
        if target and target.scalar and content and content.scalar:
            found[target.scalar.text] = replace(content.scalar, text=content.scalar.text.replace("$$", "$"))
    return found

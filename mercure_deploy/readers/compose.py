"""Compose files as docker compose reads them: services with their variables, ports and volumes.

The list form keeps quotes inside an item, the mapping form does not; `${NAME:-default}` is filled in.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from mercure_deploy.facts.scalars import to_compose
from mercure_deploy.findings import Place
from mercure_deploy.readers.bounds import DEEPEST, Budget, Filled
from mercure_deploy.readers.places import Service, Value
from mercure_deploy.readers.yamlfile import Node

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEFAULTED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):?-")
_BARE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)(?=\}|:?\?|[^\w:?}+-]|$)")
# where many items may stand, in each service
_LARGE = ("environment", "labels", "ports", "volumes", "configs", "networks")
# what is read of a service, or comes by itself with what we write
_READ = frozenset(
    "image environment env_file ports expose volumes configs command healthcheck restart container_name depends_on"
    " scale deploy extends profiles build stop_grace_period".split()
)
_NOTHING = Value("", Place("", 0))
_KIND = re.compile(r":?[-?+]|$")
Known = Mapping[str, Value]
Fill = Callable[[Value], str]


def services(document: Node, known: Known, budget: Budget | None = None) -> list[Service]:
    """The services of a compose file; `known` are the variables that fill its references.

    `budget` is what they may stand for; services beyond it are left out.
    """
    found, bound = [], budget or Budget()
    filled = _filler(known, bound)
    for name, node in _items(document, "services"):
        if not bound.take(1 + sum(_size(node.get(word)) for word in _LARGE)):
            bound.beyond[name.place] = None
            break
        service = Service(document.file, name.text, name.place)
        service.image = _filled(node.get("image"), filled)
        service.command = _command(node.get("command"), filled)
        service.build = _build(node.get("build"))
        service.healthcheck = _command(node.get("healthcheck", "test"), filled)
        service.environment = _environment(node.get("environment"), filled, known)
        service.passed = _passed(node.get("environment")) - service.environment.keys()
        service.aliases = _aliases(node, filled)
        service.labels = _environment(node.get("labels"), filled, {})
        service.env_files = _env_files(node.get("env_file"))
        service.ports = [port for each in _sequence(node, "ports") for port in [_port(each, filled)] if port]
        service.volumes = [target for each in _sequence(node, "volumes") for target in [_target(each)] if target]
        service.configs = _configs(node, document)
        service.others = {word.text: word.place for word, _ in node.items() if word.text not in _READ}
        mode = node.get("network_mode")
        service.host_network = mode is not None and mode.scalar is not None and mode.scalar.text != "bridge"
        replicas = node.get("deploy", "replicas") or node.get("scale")
        service.replicas = replicas.scalar if replicas else None
        found.append(service)
    return found


def merged(services: Iterable[Service]) -> list[Service]:
    """Services of one name in one folder as one: what a later file says goes over what an earlier one said."""
    found: dict[tuple[str, str], Service] = {}
    for each in services:
        key = (each.file.rpartition("/")[0], each.name)
        below = found.get(key)
        found[key] = _over(below, each) if below else each
    return list(found.values())


def _over(below: Service, above: Service) -> Service:
    return replace(
        below,
        image=above.image or below.image,
        command=above.command or below.command,
        healthcheck=above.healthcheck or below.healthcheck,
        environment={**below.environment, **above.environment},
        env_files=[*below.env_files, *above.env_files],
        ports=[*below.ports, *above.ports],
        volumes=[*below.volumes, *above.volumes],
        configs={**below.configs, **above.configs},
        replicas=above.replicas or below.replicas,
        aliases=below.aliases | above.aliases,
        labels={**below.labels, **above.labels},
        passed=below.passed | above.passed,
    )


def _items(document: Node, name: str) -> list[tuple[Value, Node]]:
    node = document.get(name)
    return list(node.items()) if node else []


def _sequence(node: Node, name: str) -> list[Node]:
    found = node.get(name)
    return found.sequence() if found else []


def _size(node: Node | None) -> int:
    return sum(1 for _ in node.items()) + len(node.sequence()) if node else 0


def _filler(known: Known, budget: Budget) -> Fill:
    return lambda value: _fill(value.text, known, Filled(budget, value.place))


def _fill(text: str, known: Known, filled: Filled, depth: int = 0) -> str:
    """With its references filled in; a default may hold references in turn."""
    if depth > DEEPEST:
        return filled.refuse(text)
    found, position = "", 0
    while True:
        start = text.find("$", position)
        if start < 0:
            return found + text[position:]
        found, position = found + text[position:start], start + 1
        name = _NAME.match(text, position)
        if text.startswith("$", position):
            found, position = found + "$", position + 1
        elif name:
            found += filled.add(_value(known, name[0], "", _NOTHING), name[0])
            position = name.end()
        elif text.startswith("{", position):
            end = _closing(text, position)
            inner = text[position + 1 : end]
            name = _NAME.match(inner)
            kind = _KIND.match(inner, name.end()) if name else None
            if name and kind:
                default = Value(_fill(inner[kind.end() :], known, filled, depth + 1), _NOTHING.place)
                found += filled.add(_value(known, name[0], kind[0], default), inner)
            position = end + 1
        else:
            found += "$"


def _assumed(text: str, known: Known) -> bool:
    return any(name not in known for name in _DEFAULTED.findall(text))


def _unset(text: str, known: Known) -> bool:
    """Whether it refers, without a default, to a variable that no file has; small letters are a part of a key."""
    names = _BARE.findall(text.replace("$$", ""))
    return any(name not in known for name in names) and all(name == name.upper() for name in names)


def _closing(text: str, position: int) -> int:
    """Where the brace that opens there is closed; the end of the text where it is not."""
    depth = 0
    for place in range(position, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return place
    return len(text)


def _value(known: Known, name: str, kind: str, word: Value) -> Value:
    """What `${NAME<kind>word}` stands for."""
    value = known.get(name)
    present = value is not None and (value.text != "" or not kind.startswith(":"))
    if kind.endswith("+"):
        return word if present else _NOTHING
    if value is not None and present:
        return value
    return word if kind.endswith("-") else _NOTHING


def _filled(node: Node | None, fill: Fill) -> Value | None:
    value = node.scalar if node else None
    return Value(fill(value), value.place, value.text) if value else None


def _command(command: Node | None, fill: Fill) -> Value | None:
    """A command as one text, be it written as a list."""
    if command is None:
        return None
    words = [word.scalar.text for word in command.sequence() if word.scalar]
    return Value(fill(Value(" ".join(words), command.place)), command.place) if words else _filled(command, fill)


def _build(node: Node | None) -> str | None:
    """The path of the Dockerfile, relative to the compose file."""
    if node is None:
        return None
    said, file = node.scalar or (context.scalar if (context := node.get("context")) else None), node.get("dockerfile")
    folder = said.text.removeprefix("./").strip("/").removeprefix(".") if said else ""
    name = file.scalar.text if file and file.scalar else "Dockerfile"
    return "/".join(filter(None, [folder, name.removeprefix("./")]))


def _environment(node: Node | None, fill: Fill, known: Known) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if node is None:
        return found
    for key, value in node.items():
        scalar = None if value.is_null else value.scalar
        if scalar is not None:
            assumed, unset = _assumed(scalar.text, known), _unset(scalar.text, known)
            text = to_compose(scalar.text) if value.plain else fill(scalar)
            text = fill(scalar) if text == scalar.text else text
            found[key.text] = replace(scalar, text=text, raw=scalar.text, assumed=assumed, unset=unset)
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
            assumed, unset = _assumed(text, known), _unset(text, known)
            found[name] = Value(fill(Value(text, place)), place, text, assumed=assumed, unset=unset)
        elif name in known:
            found[name] = Value(known[name].text, scalar.place, "")
    return found


def _passed(node: Node | None) -> set[str]:
    """The names without a value: what they have comes from outside."""
    items = [each.scalar.text for each in node.sequence() if each.scalar] if node else []
    names = [key.text for key, value in node.items() if value.scalar is None or value.is_null] if node else []
    return {*(name for name in items if "=" not in name), *names}


def _aliases(node: Node, fill: Fill) -> set[str]:
    """The name of the container, of its machine, and those that networks give it."""
    said = [node.get("container_name"), node.get("hostname")]
    said += [alias for name, _ in _items(node, "networks") for alias in _aliased(node, name.text)]
    return {fill(each.scalar) for each in said if each and each.scalar}


def _aliased(node: Node, network: str) -> list[Node]:
    found = node.get("networks", network, "aliases")
    return found.sequence() if found else []


def _env_files(node: Node | None) -> list[Value]:
    if node is None:
        return []
    paths = (
        [node.scalar] if node.scalar else [each.scalar or (each.get("path") or each).scalar for each in node.sequence()]
    )
    return [path for path in paths if path]


def _port(node: Node, fill: Fill) -> tuple[int | None, int, Place] | None:
    scalar = node.scalar
    if scalar is None:
        target, published = node.get("target"), node.get("published")
        words = [each.scalar.text if each and each.scalar else "" for each in (published, target)]
    else:
        words = fill(scalar).partition("/")[0].rsplit(":", 2)[-2:]
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

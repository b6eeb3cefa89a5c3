"""Kubernetes manifests: containers with the variables that ConfigMaps and Secrets of the same files give them.

What comes from an object that is not among the files is unknown. Measured: `$(NAME)` in a value stands for a variable
that was named before it, and stays as it is otherwise.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from mercure_deploy.errors import typed
from mercure_deploy.facts.scalars import is_text
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Route, Service, Value
from mercure_deploy.readers.routes import list_of, of_http_route, of_ingress, scalar_of, text_of
from mercure_deploy.readers.yamlfile import Node

WORDS = re.compile(r"^apiVersion:\s*\S", re.MULTILINE)
_POD_OF = {
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"), ("spec", "template")),
}
# whatever stands up to the bracket is the name
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
# SOPS and Sealed Secrets
_SEALED = re.compile(r"ENC\[|<|REPLACE|CHANGE")


@dataclass
class Cluster:
    """What the manifests say: containers, the ways of Ingress and HTTPRoute to them, and what does not start."""

    services: list[Service] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _Objects:
    """The data of ConfigMaps and Secrets by (kind, name), and the Services."""

    data: dict[tuple[str, str], dict[str, Value]]
    services: tuple[Node, ...]


def read(documents: Sequence[Node]) -> Cluster:
    """The containers of these manifests, which may stand in several files."""
    listed = [each for document in documents for each in _objects(document)]
    found = Cluster()
    objects = _Objects({}, tuple(node for kind, node in listed if kind == "Service"))
    for kind, node in listed:
        if kind in {"Secret", "ConfigMap"}:
            objects.data.setdefault((kind, _name(node)), {}).update(_data(kind, node, found))
    for kind, node in listed:
        if kind in _POD_OF:
            found.services += _containers(kind, node, objects, found)
        elif kind == "Ingress":
            found.routes += of_ingress(node)
        elif kind == "HTTPRoute":
            found.routes += of_http_route(node)
    return found


def _objects(document: Node) -> Iterator[tuple[str, Node]]:
    kind = text_of(document, "kind")
    if kind == "List":
        items = document.get("items")
        for each in items.sequence() if items else ():
            yield from _objects(each)
    elif kind:
        yield kind, document


def _name(node: Node) -> str:
    return text_of(node, "metadata", "name")


def _data(kind: str, node: Node, found: Cluster) -> dict[str, Value]:
    """What a ConfigMap or a Secret holds; `data` of a Secret is base64, and nobody can tell what is encrypted."""
    said: dict[str, Value] = {}
    for word in ("data", "stringData"):
        listed = node.get(word)
        for key, value in listed.items() if listed else ():
            if value.scalar is None or _SEALED.match(value.scalar.text):
                continue
            text = value.scalar.text
            if value.plain and _no_text(value.scalar, found):
                said[key.text] = replace(value.scalar, unset=True)
                continue
            text = _or_nothing(value.scalar, value).text
            if kind == "Secret" and word == "data":
                text, sealed = _decoded(text) or "", text
                if sealed and not text:
                    what = f"{key.text} is no base64, and kubectl refuses the Secret"
                    hint = "stringData for a text as it is, or base64 -w0"
                    found.findings.append(Finding("directive-syntax", "error", what, hint, value.place))
                    continue
            said[key.text] = replace(value.scalar, text=text)
    return said


def _no_text(value: Value, found: Cluster) -> bool:
    """Whether a value without quotes is a number or a word of YAML, which a manifest may not have there."""
    text = value.text
    if is_text(text):
        return False
    what = f"{typed(text, 40)} is no text without quotes, and Kubernetes refuses the object"
    found.findings.append(Finding("directive-syntax", "error", what, f'"{typed(text, 40)}"', value.place))
    return True


def _or_nothing(value: Value, node: Node | None) -> Value:
    """The value, and an empty one for what YAML takes for null."""
    return replace(value, text="") if node is not None and node.is_null else value


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (ValueError, binascii.Error):
        return None


def _containers(kind: str, node: Node, objects: _Objects, found: Cluster) -> Iterator[Service]:
    template = node.get(*_POD_OF[kind]) if _POD_OF[kind] else node
    spec = template.get("spec") if template else None
    aliases, ports = _aliases(template, objects)
    for container in list_of(spec, "containers"):
        service = Service(node.file, text_of(container, "name") or _name(node), container.place, cluster=True)
        service.image = scalar_of(container, "image")
        words = [*list_of(container, "command"), *list_of(container, "args")]
        texts = [word.scalar.text for word in words if word.scalar]
        service.command = Value(" ".join(texts), words[0].place) if texts else None
        service.healthcheck = _probe(container)
        service.replicas = scalar_of(node, "spec", "replicas")
        service.aliases, service.mapped = aliases, _ports(container, ports)
        _variables(service, container, objects, found)
        _mounts(service, container, spec, objects)
        service.rolling = _rolling(kind, node, spec)
        yield service


def _probe(container: Node) -> Value | None:
    """What a probe asks, as a text: the path of an HTTP request, or the command."""
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        path = scalar_of(container, name, "httpGet", "path")
        if path is not None:
            return replace(path, text=f"GET {path.text}")
        words = [word.scalar.text for word in list_of(container, name, "exec", "command") if word.scalar]
        if words:
            return Value(" ".join(words), list_of(container, name, "exec", "command")[0].place)
    return None


def _aliases(template: Node | None, objects: _Objects) -> tuple[set[str], list[tuple[int, str]]]:
    """The names of the Services that lead to this pod, and (port, target port) of each."""
    labels = template.get("metadata", "labels") if template else None
    own = {key.text: value.scalar.text for key, value in labels.items() if value.scalar} if labels else {}
    names: set[str] = set()
    ports: list[tuple[int, str]] = []
    for service in objects.services:
        listed = service.get("spec", "selector")
        wanted = {key.text: value.scalar.text for key, value in listed.items() if value.scalar} if listed else {}
        if not wanted or wanted.items() - own.items():
            continue
        name, space = _name(service), text_of(service, "metadata", "namespace") or "default"
        names |= {name, f"{name}.{space}", f"{name}.{space}.svc", f"{name}.{space}.svc.cluster.local"}
        for each in list_of(service, "spec", "ports"):
            port, target = text_of(each, "port"), text_of(each, "targetPort")
            if port.isdigit():
                ports.append((int(port), target or port))
    return names, ports


def _ports(container: Node, ports: Sequence[tuple[int, str]]) -> dict[int, int]:
    """The port of a Service, and that of the container to which it leads; a name is one of the container's ports."""
    named = {text_of(each, "name"): text_of(each, "containerPort") for each in list_of(container, "ports")}
    pairs = [(port, named.get(target, target)) for port, target in ports]
    return {port: int(target) for port, target in pairs if target.isdigit()}


def _variables(service: Service, container: Node, objects: _Objects, found: Cluster) -> None:
    """Its variables: those of `envFrom`, then those of `env`, which may refer to each other."""
    for each in list_of(container, "envFrom"):
        prefix = text_of(each, "prefix")
        for word, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            name = text_of(each, word, "name")
            data = objects.data.get((kind, name)) if name else None
            if name and data is None:
                # it may hold any of them
                service.open = True
            service.environment |= {f"{prefix}{key}": value for key, value in (data or {}).items()}
    for each in list_of(container, "env"):
        name, value, node = text_of(each, "name"), scalar_of(each, "value"), each.get("value")
        if value is not None:
            service.environment.pop(name, None)
            value = _or_nothing(value, node)
            if node is not None and node.plain and _no_text(value, found):
                service.passed.add(name)
                continue
            names = {found[1] for found in _REFERENCE.finditer(value.text) if found[1]} - service.environment.keys()
            if names:
                service.passed.add(name)
                found.findings += _undefined(service, names - service.passed, value)
                continue
            service.environment[name] = replace(value, text=_expanded(value.text, service), raw=value.text)
        elif name:
            given = _given(each, objects, found)
            service.environment.pop(name, None)
            if given is None:
                service.passed.add(name)
            else:
                service.environment[name] = given
    unset = {name for name, value in service.environment.items() if value.unset}
    service.passed |= unset
    service.environment = {name: value for name, value in service.environment.items() if name not in unset}


def _expanded(text: str, service: Service) -> str:
    known = {name: value.text for name, value in service.environment.items()}
    return _REFERENCE.sub(lambda found: "$" if found[1] is None else known.get(found[1], found[0]), text)


def _undefined(service: Service, names: set[str], value: Value) -> Iterator[Finding]:
    if not service.open:
        for name in sorted(names):
            what = f"$({name}) is no variable that stands before it, and stays as it is written"
            yield Finding("key-missing", "error", what, "the variable before the one that refers to it", value.place)


def _given(each: Node, objects: _Objects, found: Cluster) -> Value | None:
    """What a reference gives; None where no file tells."""
    for word, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        reference = each.get("valueFrom", word)
        name, key = text_of(reference, "name"), scalar_of(reference, "key")
        data = objects.data.get((kind, name)) if name else None
        if data is None or key is None:
            continue
        if key.text not in data and data and text_of(reference, "optional") != "true":
            what = f"the {kind} {name} has no {key.text}: the pod does not start (CreateContainerConfigError)"
            known = ", ".join(sorted(data)[:6])
            found.findings.append(Finding("key-missing", "error", what, f"one of its keys: {known}", key.place))
        return data.get(key.text)
    return None


def _mounts(service: Service, container: Node, spec: Node | None, objects: _Objects) -> None:
    """Where volumes are mounted, and the files of ConfigMaps and Secrets among them."""
    volumes = {text_of(each, "name"): each for each in list_of(spec, "volumes")}
    for each in list_of(container, "volumeMounts"):
        target, sub = text_of(each, "mountPath"), text_of(each, "subPath")
        volume = volumes.get(text_of(each, "name"))
        if volume is not None and volume.get("emptyDir") is not None and not target.startswith("/config"):
            service.fleeting.append(target)
        service.volumes.append(target)
        for key, value in _files(volume, objects):
            if not sub or sub == key:
                service.configs[target if sub else f"{target.rstrip('/')}/{key}"] = value


def _files(volume: Node | None, objects: _Objects) -> Iterator[tuple[str, Value]]:
    if volume is None:
        return
    for source in [volume, *list_of(volume, "projected", "sources")]:
        for word, kind, key in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            name = text_of(source, word, key) or text_of(source, word, "name")
            data = objects.data.get((kind, name), {}) if name else {}
            paths = {text_of(item, "key"): text_of(item, "path") for item in list_of(source, word, "items")}
            yield from ((paths.get(each, each), value) for each, value in data.items() if not paths or each in paths)


def _rolling(kind: str, node: Node, spec: Node | None) -> Place | None:
    """Where it is said that a new pod starts before the old one has gone, though both want one volume."""
    claims = [each for each in list_of(spec, "volumes") if each.get("persistentVolumeClaim") is not None]
    if kind != "Deployment" or not claims or text_of(node, "spec", "strategy", "type") == "Recreate":
        return None
    most = text_of(node, "spec", "strategy", "rollingUpdate", "maxSurge")
    if most in {"0", "0%"}:
        return None
    strategy = node.get("spec", "strategy")
    return strategy.place if strategy else claims[0].place

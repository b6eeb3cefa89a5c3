"""Kubernetes manifests: containers with the variables that ConfigMaps and Secrets of the same files give them.

What comes from an object that is not among the files is unknown. Measured: `$(NAME)` in a value stands for a variable
that was named before it, and stays as it is otherwise.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Route, Service, Value
from mercure_deploy.readers.yamlfile import Node

WORDS = re.compile(r"^apiVersion:\s*\S", re.MULTILINE)
_POD_OF = {
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"), ("spec", "template")),
}
_REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_][\w.-]*)\))")
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
            found.routes += _ingress(node)
        elif kind == "HTTPRoute":
            found.routes += _http_route(node)
    return found


def _objects(document: Node) -> Iterator[tuple[str, Node]]:
    kind = _text(document, "kind")
    if kind == "List":
        items = document.get("items")
        for each in items.sequence() if items else ():
            yield from _objects(each)
    elif kind:
        yield kind, document


def _text(node: Node | None, *names: str) -> str:
    found = node.get(*names) if node else None
    return found.scalar.text if found and found.scalar else ""


def _name(node: Node) -> str:
    return _text(node, "metadata", "name")


def _list(node: Node | None, *names: str) -> list[Node]:
    found = node.get(*names) if node else None
    return found.sequence() if found else []


def _data(kind: str, node: Node, found: Cluster) -> dict[str, Value]:
    """What a ConfigMap or a Secret holds; `data` of a Secret is base64, and nobody can tell what is encrypted."""
    said: dict[str, Value] = {}
    for word in ("data", "stringData"):
        listed = node.get(word)
        for key, value in listed.items() if listed else ():
            if value.scalar is None or _SEALED.match(value.scalar.text):
                continue
            text = value.scalar.text
            if kind == "Secret" and word == "data":
                text, sealed = _decoded(text) or "", text
                if sealed and not text:
                    what = f"{key.text} is no base64, and kubectl refuses the Secret"
                    hint = "stringData for a text as it is, or base64 -w0"
                    found.findings.append(Finding("directive-syntax", "error", what, hint, value.place))
                    continue
            said[key.text] = replace(value.scalar, text=text)
    return said


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (ValueError, binascii.Error):
        return None


def _containers(kind: str, node: Node, objects: _Objects, found: Cluster) -> Iterator[Service]:
    template = node.get(*_POD_OF[kind]) if _POD_OF[kind] else node
    spec = template.get("spec") if template else None
    aliases, ports = _aliases(template, objects)
    for container in _list(spec, "containers"):
        service = Service(node.file, _text(container, "name") or _name(node), container.place, cluster=True)
        service.image = _scalar(container, "image")
        words = [*_list(container, "command"), *_list(container, "args")]
        texts = [word.scalar.text for word in words if word.scalar]
        service.command = Value(" ".join(texts), words[0].place) if texts else None
        service.healthcheck = _probe(container)
        service.replicas = _scalar(node, "spec", "replicas")
        service.aliases, service.mapped = aliases, _ports(container, ports)
        _variables(service, container, objects, found)
        _mounts(service, container, spec, objects)
        service.rolling = _rolling(kind, node, spec)
        yield service


def _scalar(node: Node | None, *names: str) -> Value | None:
    found = node.get(*names) if node else None
    return found.scalar if found else None


def _probe(container: Node) -> Value | None:
    """What a probe asks, as a text: the path of an HTTP request, or the command."""
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        path = _scalar(container, name, "httpGet", "path")
        if path is not None:
            return replace(path, text=f"GET {path.text}")
        words = [word.scalar.text for word in _list(container, name, "exec", "command") if word.scalar]
        if words:
            return Value(" ".join(words), _list(container, name, "exec", "command")[0].place)
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
        name, space = _name(service), _text(service, "metadata", "namespace") or "default"
        names |= {name, f"{name}.{space}", f"{name}.{space}.svc", f"{name}.{space}.svc.cluster.local"}
        for each in _list(service, "spec", "ports"):
            port, target = _text(each, "port"), _text(each, "targetPort")
            if port.isdigit():
                ports.append((int(port), target or port))
    return names, ports


def _ports(container: Node, ports: Sequence[tuple[int, str]]) -> dict[int, int]:
    """The port of a Service, and that of the container to which it leads; a name is one of the container's ports."""
    named = {_text(each, "name"): _text(each, "containerPort") for each in _list(container, "ports")}
    pairs = [(port, named.get(target, target)) for port, target in ports]
    return {port: int(target) for port, target in pairs if target.isdigit()}


def _variables(service: Service, container: Node, objects: _Objects, found: Cluster) -> None:
    """Its variables: those of `envFrom`, then those of `env`, which may refer to each other."""
    for each in _list(container, "envFrom"):
        prefix = _text(each, "prefix")
        for word, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            name = _text(each, word, "name")
            data = objects.data.get((kind, name)) if name else None
            if name and data is None:
                # it may hold any of them
                service.open = True
            service.environment |= {f"{prefix}{key}": value for key, value in (data or {}).items()}
    for each in _list(container, "env"):
        name, value = _text(each, "name"), _scalar(each, "value")
        if value is not None:
            service.environment.pop(name, None)
            names = {found[1] for found in _REFERENCE.finditer(value.text) if found[1]} - service.environment.keys()
            if names:
                service.passed.add(name)
                found.findings += _undefined(service, names - service.passed, value)
                continue
            filled = _REFERENCE.sub(lambda m: service.environment[m[1]].text if m[1] else "$", value.text)
            service.environment[name] = replace(value, text=filled, raw=value.text)
        elif name:
            given = _given(each, objects, found)
            service.environment.pop(name, None)
            if given is None:
                service.passed.add(name)
            else:
                service.environment[name] = given


def _undefined(service: Service, names: set[str], value: Value) -> Iterator[Finding]:
    if not service.open:
        for name in sorted(names):
            what = f"$({name}) is no variable that stands before it, and stays as it is written"
            yield Finding("key-missing", "error", what, "the variable before the one that refers to it", value.place)


def _given(each: Node, objects: _Objects, found: Cluster) -> Value | None:
    """What a reference gives; None where no file tells."""
    for word, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        reference = each.get("valueFrom", word)
        name, key = _text(reference, "name"), _scalar(reference, "key")
        data = objects.data.get((kind, name)) if name else None
        if data is None or key is None:
            continue
        if key.text not in data and data and _text(reference, "optional") != "true":
            what = f"the {kind} {name} has no {key.text}: the pod does not start (CreateContainerConfigError)"
            known = ", ".join(sorted(data)[:6])
            found.findings.append(Finding("key-missing", "error", what, f"one of its keys: {known}", key.place))
        return data.get(key.text)
    return None


def _mounts(service: Service, container: Node, spec: Node | None, objects: _Objects) -> None:
    """Where volumes are mounted, and the files of ConfigMaps and Secrets among them."""
    volumes = {_text(each, "name"): each for each in _list(spec, "volumes")}
    for each in _list(container, "volumeMounts"):
        target, sub = _text(each, "mountPath"), _text(each, "subPath")
        volume = volumes.get(_text(each, "name"))
        if volume is not None and volume.get("emptyDir") is not None and not target.startswith("/config"):
            service.fleeting.append(target)
        service.volumes.append(target)
        for key, value in _files(volume, objects):
            if not sub or sub == key:
                service.configs[target if sub else f"{target.rstrip('/')}/{key}"] = value


def _files(volume: Node | None, objects: _Objects) -> Iterator[tuple[str, Value]]:
    if volume is None:
        return
    for source in [volume, *_list(volume, "projected", "sources")]:
        for word, kind, key in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            name = _text(source, word, key) or _text(source, word, "name")
            data = objects.data.get((kind, name), {}) if name else {}
            paths = {_text(item, "key"): _text(item, "path") for item in _list(source, word, "items")}
            yield from ((paths.get(each, each), value) for each, value in data.items() if not paths or each in paths)


def _rolling(kind: str, node: Node, spec: Node | None) -> Place | None:
    """Where it is said that a new pod starts before the old one has gone, though both want one volume."""
    claims = [each for each in _list(spec, "volumes") if each.get("persistentVolumeClaim") is not None]
    if kind != "Deployment" or not claims or _text(node, "spec", "strategy", "type") == "Recreate":
        return None
    most = _text(node, "spec", "strategy", "rollingUpdate", "maxSurge")
    if most in {"0", "0%"}:
        return None
    strategy = node.get("spec", "strategy")
    return strategy.place if strategy else claims[0].place


def _ingress(node: Node) -> Iterator[Route]:
    notes = node.get("metadata", "annotations")
    said = {key.text: value.scalar for key, value in notes.items() if value.scalar} if notes else {}
    secure = {host.scalar.text for tls in _list(node, "spec", "tls") for host in _list(tls, "hosts") if host.scalar}
    for rule in _list(node, "spec", "rules"):
        host = _text(rule, "host")
        for each in _list(rule, "http", "paths"):
            port = _scalar(each, "backend", "service", "port", "number")
            port = port if port is not None else _scalar(each, "backend", "service", "port", "name")
            yield Route(
                host=host,
                path=_text(each, "path") or "/",
                exact=_text(each, "pathType") == "Exact",
                to=_text(each, "backend", "service", "name"),
                port=port,
                place=each.place,
                secure=host in secure,
                notes=said,
            )


def _http_route(node: Node) -> Iterator[Route]:
    hosts = [each.scalar.text for each in _list(node, "spec", "hostnames") if each.scalar] or [""]
    for rule in _list(node, "spec", "rules"):
        paths = [each.get("path") for each in _list(rule, "matches")] or [None]
        time = _scalar(rule, "timeouts", "request")
        notes = {"timeouts.request": time} if time is not None else {}
        for host in hosts:
            for path in paths:
                for backend in _list(rule, "backendRefs")[:1]:
                    yield Route(
                        host=host,
                        path=_text(path, "value") or "/",
                        exact=_text(path, "type") == "Exact",
                        to=_text(backend, "name"),
                        port=_scalar(backend, "port"),
                        place=rule.place,
                        secure=False,
                        notes=notes,
                    )

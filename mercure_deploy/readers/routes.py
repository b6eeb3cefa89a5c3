"""The ways of Kubernetes to a Service: Ingress and HTTPRoute."""

from collections.abc import Iterator

from mercure_deploy.readers.places import Route, Value
from mercure_deploy.readers.yamlfile import Node


def text_of(node: Node | None, *names: str) -> str:
    """The text below these names, "" where there is none."""
    found = node.get(*names) if node else None
    return found.scalar.text if found and found.scalar else ""


def list_of(node: Node | None, *names: str) -> list[Node]:
    """The items below these names."""
    found = node.get(*names) if node else None
    return found.sequence() if found else []


def scalar_of(node: Node | None, *names: str) -> Value | None:
    """The value below these names, None where there is none."""
    found = node.get(*names) if node else None
    return found.scalar if found else None


def of_ingress(node: Node) -> Iterator[Route]:
    """The paths of an Ingress, with its annotations."""
    notes = node.get("metadata", "annotations")
    said = {key.text: value.scalar for key, value in notes.items() if value.scalar} if notes else {}
    for rule in list_of(node, "spec", "rules"):
        host = text_of(rule, "host")
        for each in list_of(rule, "http", "paths"):
            port = scalar_of(each, "backend", "service", "port", "number")
            port = port if port is not None else scalar_of(each, "backend", "service", "port", "name")
            yield Route(
                host=host,
                path=text_of(each, "path") or "/",
                exact=text_of(each, "pathType") == "Exact",
                to=text_of(each, "backend", "service", "name"),
                port=port,
                place=each.place,
                notes=said,
            )


def of_http_route(node: Node) -> Iterator[Route]:
    """The paths of an HTTPRoute, with its time-outs."""
    hosts = [each.scalar.text for each in list_of(node, "spec", "hostnames") if each.scalar] or [""]
    for rule in list_of(node, "spec", "rules"):
        paths = [each.get("path") for each in list_of(rule, "matches")] or [None]
        time = scalar_of(rule, "timeouts", "request")
        notes = {"timeouts.request": time} if time is not None else {}
        for host in hosts:
            for path in paths:
                for backend in list_of(rule, "backendRefs")[:1]:
                    yield Route(
                        host=host,
                        path=text_of(path, "value") or "/",
                        exact=text_of(path, "type") == "Exact",
                        to=text_of(backend, "name"),
                        port=scalar_of(backend, "port"),
                        place=rule.place,
                        notes=notes,
                    )

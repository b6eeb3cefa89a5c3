"""Values of Helm charts with a hub in them: the official one, and that of API Platform."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mercure_deploy.findings import Place
from mercure_deploy.readers.places import Service, Value
from mercure_deploy.readers.yamlfile import Node

WORDS = re.compile(r"^\s*(publisherJwtKey|subscriberJwtKey|extraDirectives|jwtSecret|transportUrl)\s*:", re.MULTILINE)
# of the official chart, and what the hub gets
_VARIABLES = {
    "publisherJwtKey": "MERCURE_PUBLISHER_JWT_KEY",
    "subscriberJwtKey": "MERCURE_SUBSCRIBER_JWT_KEY",
    "publisherJwtAlg": "MERCURE_PUBLISHER_JWT_ALG",
    "subscriberJwtAlg": "MERCURE_SUBSCRIBER_JWT_ALG",
    "extraDirectives": "MERCURE_EXTRA_DIRECTIVES",
    "transportUrl": "MERCURE_TRANSPORT_URL",
}
_SHARED = ("MERCURE_JWT_SECRET", "MERCURE_PUBLISHER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY")


@dataclass
class Chart:
    """The values of one hub: what its container gets, and the app's where one server is both.

    `unset` are the words of keys that the chart fills with something random. `dropped` is what does not arrive.
    """

    place: Place
    service: Service
    app: dict[str, Value] = field(default_factory=dict)
    unset: list[tuple[str, Place]] = field(default_factory=list)
    dropped: Value | None = None
    development: Place | None = None


def read(document: Node) -> Iterator[Chart]:
    """The hubs in a file of values: at its top, or below the name of a chart that is a part of another."""
    for name, node in [("mercure", document), *((key.text, value) for key, value in document.items())]:
        words = {key.text for key, _ in node.items()}
        if words & {"publisherJwtKey", "subscriberJwtKey"} or words >= {"existingSecret", "extraDirectives"}:
            yield _official(name, node)
        elif "jwtSecret" in words and words & {"publicUrl", "extraDirectives"}:
            yield _api_platform(name, node, document)


def _official(name: str, node: Node) -> Chart:
    scalars = {key.text: value.scalar for key, value in node.items() if value.scalar}
    found = Chart(node.place, _service(name, node))
    for word, variable in _VARIABLES.items():
        if word in scalars and scalars[word].text:
            found.service.environment[variable] = scalars[word]
    if "existingSecret" in scalars and scalars["existingSecret"].text:
        found.dropped = found.service.environment.pop("MERCURE_EXTRA_DIRECTIVES", None)
        return found
    places = {key.text: key.place for key, _ in node.items()}
    for word in ("publisherJwtKey", "subscriberJwtKey"):
        if _VARIABLES[word] not in found.service.environment:
            found.unset.append((word, places.get(word, node.place)))
    if "dev" in scalars and scalars["dev"].text == "true":
        found.development = scalars["dev"].place
    return found


def _api_platform(name: str, node: Node, document: Node) -> Chart:
    found = Chart(node.place, _service(name, document))
    found.service.image = None
    scalars = {key.text: value.scalar for key, value in node.items() if value.scalar}
    secret, directives = scalars.get("jwtSecret"), scalars.get("extraDirectives")
    if secret is not None:
        found.service.environment |= dict.fromkeys(_SHARED[1:], secret)
        found.app["MERCURE_JWT_SECRET"] = secret
    if directives is not None:
        found.service.environment["MERCURE_EXTRA_DIRECTIVES"] = directives
    if "publicUrl" in scalars:
        found.app["MERCURE_PUBLIC_URL"] = scalars["publicUrl"]
    return found


def _service(name: str, node: Node) -> Service:
    """The hub as a service: its image, and how many there are at most."""
    found = Service(node.file, name, node.place, charted=True)
    repository, tag = node.get("image", "repository"), node.get("image", "tag")
    if repository and repository.scalar and tag and tag.scalar and tag.scalar.text:
        found.image = Value(f"{repository.scalar.text}:{tag.scalar.text}", tag.scalar.place)
    scaled, most = node.get("autoscaling", "enabled"), node.get("autoscaling", "maxReplicas")
    if scaled and scaled.scalar and scaled.scalar.text == "true":
        found.replicas = most.scalar if most and most.scalar else Value("100", scaled.place)
        found.one_replica = "autoscaling: {enabled: false}"
    else:
        count = node.get("replicaCount")
        found.replicas = count.scalar if count else None
        found.one_replica = "replicaCount: 1"
    return found

"""The bundle's configuration as Symfony fills it: `%env(NAME)%`, with the processors that change a text in itself."""

import base64
import binascii
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mercure_deploy.errors import typed
from mercure_deploy.findings import Finding
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.yamlfile import Node

# a word of the configuration, and the variable that stands for it where the recipe's is used
WORDS = {"jwt.secret": "MERCURE_JWT_SECRET", "url": "MERCURE_URL", "public_url": "MERCURE_PUBLIC_URL"}
# the words of mercure, of a hub, and of what stands below one
_BESIDE = {"default_cookie_lifetime", "enable_profiler"}
_SIGNING = {"secret", "passphrase", "algorithm", "jwks_uri", "key_id", "factory"}
_INNER = {
    "jwt": _SIGNING | {"value", "provider", "publish", "subscribe", "claims"},
    "publisher": _SIGNING | {"value", "provider", "topics", "claims"},
    "subscriber": _SIGNING | {"claims", "topics"},
}
_SCALARS = {"url", "public_url", "jwt_provider", "bus", "http_client", "cookie_name", "protocol_version"}
_WORDS = _SCALARS | _INNER.keys()
_SCALARS |= {f"{inner}.{word}" for inner in _INNER for word in _SIGNING | {"value", "provider"}}
_NEEDED = {
    "jwt": ("value", "provider", "factory", "secret", "jwks_uri"),
    "publisher": ("value", "provider", "factory", "secret", "jwks_uri"),
    "subscriber": ("factory", "secret", "jwks_uri"),
}
_APART = [("jwt", "jwt_provider"), ("jwt.value", "jwt.provider"), ("jwt.secret", "jwt.jwks_uri")]
_APART += [(one, other) for one in ("jwt", "jwt_provider") for other in ("publisher", "subscriber")]
# a key for publishing alone is what the app signs its updates with
_ROLES = {f"publisher.{word}": f"jwt.{word}" for word in ("secret", "algorithm", "value", "provider", "factory")}
_ROLES |= {
    "publisher.topics": "jwt.publish",
    "publisher.claims.iss": "jwt.claims.iss",
    "publisher.claims.aud": "jwt.claims.aud",
}
_Hub = dict[str, Node]
_ENV = re.compile(r"%env\((?P<processors>(?:\w+:)*)(?P<name>\w+)\)%")


@dataclass
class Bundle:
    """What the bundle is told of its default hub, and with what Symfony does not start.

    `words` are those of the hub, those of `jwt` as jwt.secret, those of its claims as jwt.claims.iss.
    """

    words: dict[str, Value] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read(documents: Sequence[Node], environment: str = "prod") -> Bundle:
    """Several files, laid over each other as the kernel of that environment does."""
    found = Bundle()
    hubs: dict[str, _Hub] = {}
    default: Value | None = None
    for section in _sections(documents, environment):
        for name, node in _keys(section):
            if name == "default_hub":
                default = node.scalar or default
            elif name == "hubs":
                for hub, inner in node.items():
                    hubs[hub.text] = _laid(hubs.get(hub.text), inner, found.findings)
            elif name not in _BESIDE:
                words = ["hubs", "default_hub", *_BESIDE]
                found.findings.append(_refused(f"{typed(name, 40)} is no word of the bundle", node, words))
    # what it does not know it says before anything else
    for hub_name, told in hubs.items() if not found.findings else ():
        found.findings += _impossible(hub_name, told)
    chosen = hubs.get(default.text if default is not None else next(iter(hubs), ""))
    for word, value in (chosen or {}).items():
        # a list of topics; what is in it counts for nothing here
        listed = word not in _SCALARS and (value.sequence() or value.is_mapping)
        read_as = value.scalar or (Value("", value.place) if listed else None)
        if read_as is not None and not value.is_null:
            found.words[_ROLES.get(word, word)] = read_as
    return found


def _sections(documents: Sequence[Node], environment: str) -> Iterator[Node]:
    """What stands below `mercure`, in the order in which it counts: files for all, then those of the environment."""
    for folder in ("", environment):
        for document in (each for each in documents if _folder(each.file) == folder):
            for node in (document.get("mercure"), document.get(f"when@{environment}", "mercure")):
                if node is not None:
                    yield node


def _folder(path: str) -> str:
    """The environment whose folder a file lies in, "" for those that are read in all."""
    found = re.search(r"(?:^|/)packages/([\w-]+)/[^/]+$", path)
    return found[1] if found else ""


def _keys(node: Node) -> Iterator[tuple[str, Node]]:
    """Its words as the bundle calls them: a hyphen is an underscore there."""
    plain = {key.text for key, _ in node.items()}
    for key, value in node.items():
        wanted = key.text.replace("-", "_")
        yield (wanted if wanted not in plain else key.text), value


def _laid(below: _Hub | None, node: Node, findings: list[Finding]) -> _Hub:
    """The words of a hub over those that were said before."""
    found = dict(below or {})
    for name, value in _keys(node):
        if name not in _WORDS:
            findings.append(_refused(f"{typed(name, 40)} is no word of a hub", value, _WORDS))
        elif name in _INNER and (value.is_mapping or value.is_null):
            for word, inner in _keys(value):
                if word == "claims":
                    found |= {f"{name}.claims.{claim}": each for claim, each in _keys(inner)}
                elif word not in _INNER[name]:
                    findings.append(_refused(f"{typed(word, 40)} is no word of {name}", inner, _INNER[name]))
                else:
                    found[f"{name}.{word}"] = inner
                    findings += _listed(f"{name}.{word}", inner)
            found.setdefault(name, value)
        elif name == "jwt" and value.scalar is not None:
            # a text is a token
            found |= {"jwt": value, "jwt.value": value}
        else:
            found[name] = value
            findings += _listed(name, value)
    return found


def _listed(word: str, node: Node) -> Iterator[Finding]:
    if word in _SCALARS and (node.sequence() or node.is_mapping):
        yield _refused(f"{word} is a text, not a list", node)


def _impossible(name: str, said: _Hub) -> Iterator[Finding]:
    """Words of which the bundle wants others beside them, or none (as its tree says, in 0.3, 0.4 and 0.6)."""
    there = {word for word, node in said.items() if not node.is_null}
    signs = {"jwt", "jwt_provider", "publisher"} & there
    if "url" in there and not signs:
        yield _refused(f"hub {typed(name, 40)} has no jwt", said["url"])
    for inner, needed in _NEEDED.items():
        if inner in there and not any(f"{inner}.{word}" in there for word in needed):
            yield _refused(f"{inner} has none of {', '.join(needed)}", said[inner])
    for one, other in _APART:
        if {one, other} <= there:
            yield _refused(f"{one} and {other} cannot be used together", said[other])


def _refused(what: str, node: Node, words: Collection[str] = ()) -> Finding:
    hint = f"one of {', '.join(sorted(words))}" if words else "as the bundle's documentation has it"
    return Finding("directive-syntax", "error", f"{what}: Symfony does not start", hint, node.place)


def filled(value: Value, known: Mapping[str, Value]) -> Value | None:
    """What the app gets for it; the place of a variable is its own. None where no file tells.

    A file, a secret of the vault, a default or a constant is not looked up.
    """
    found = _ENV.fullmatch(value.text)
    if not found:
        return None if "%" in value.text else value
    variable = known.get(found["name"])
    if variable is None:
        return None
    text = variable.text
    for processor in reversed(found["processors"].split(":")[:-1]):
        changed = _processed(processor, text)
        if changed is None:
            return None
        text = changed
    return replace(variable, text=text)


def _processed(processor: str, text: str) -> str | None:
    if processor == "string":
        return text
    if processor == "trim":
        return text.strip(" \n\r\t\v\0")
    if processor == "base64":
        try:
            # Symfony reads both alphabets
            return base64.b64decode(text.translate(str.maketrans("-_", "+/")) + "==").decode()
        except (ValueError, binascii.Error):
            return None
    return None

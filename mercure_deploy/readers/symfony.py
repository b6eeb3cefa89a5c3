"""The bundle's configuration as Symfony fills it: `%env(NAME)%`, with the processors that change a text in itself."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace

from mercure_deploy.readers.places import Value
from mercure_deploy.readers.yamlfile import Node

# a word of the configuration, and the variable that stands for it where the recipe's is used
WORDS = {"jwt.secret": "MERCURE_JWT_SECRET", "url": "MERCURE_URL", "public_url": "MERCURE_PUBLIC_URL"}
_HUB_WORDS = ("url", "public_url", "protocol_version", "cookie_name")
_JWT_WORDS = ("secret", "algorithm", "value", "publish", "subscribe", "provider", "factory")
_ENV = re.compile(r"%env\((?P<processors>(?:\w+:)*)(?P<name>\w+)\)%")


def hubs(document: Node) -> dict[str, Value]:
    """The words of the hubs in a configuration, the first of each, those of `jwt` as jwt.secret."""
    found: dict[str, Value] = {}
    listed = document.get("mercure", "hubs")
    for _, hub in listed.items() if listed else ():
        nodes = {word: hub.get(word) for word in _HUB_WORDS}
        nodes |= {f"jwt.{word}": hub.get("jwt", word) for word in _JWT_WORDS}
        nodes |= {f"jwt.claims.{word}": hub.get("jwt", "claims", word) for word in ("iss", "aud")}
        for word, node in nodes.items():
            value = node.scalar if node else None
            if node and value is None and (node.sequence() or node.is_mapping):
                # a list of topics; what is in it counts for nothing here
                value = Value("", node.place)
            if value is not None:
                found.setdefault(word, value)
    return found


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

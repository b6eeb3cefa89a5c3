"""manifest.json: what was rendered for an environment, and the public view of its key ring; committed, no secrets.

    {"version": 1, "serial": 3, "files": ["Caddyfile", "app.env", ...], "keys": [{"id": ..., "fingerprint": ...}]}

What it says of the ring is the business of `keys.public_view` and `keys.loads_public`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mercure_deploy.errors import Trouble

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """`files` are paths within the environment's folder, sorted, without the manifest itself; `ring` is the rest."""

    files: tuple[str, ...]
    ring: Mapping[str, object]


def dumps(files: Iterable[str], ring: Mapping[str, object]) -> bytes:
    """The text of a manifest, one file and one key a line, so that a diff shows what changed."""
    members = {"version": 1, **{name: value for name, value in ring.items() if name != "keys"}}
    members |= {"files": sorted(set(files)), "keys": ring["keys"]}
    return ("{\n  " + ",\n  ".join(f'"{name}": {_value(value)}' for name, value in members.items()) + "\n}\n").encode()


def _value(value: object) -> str:
    # without an indent of its own the encoder is the fast one
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in value) + "\n  ]"


def loads(data: bytes, name: str) -> Manifest:
    """The manifest in that text. Trouble when it is damaged, newer than this version, or names paths outside."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise _damaged(name, data) from None
    if not isinstance(document, dict):
        raise _damaged(name, data)
    version, files, keys = (document.get(word) for word in ("version", "files", "keys"))
    if isinstance(version, int) and version > 1:
        raise Trouble(f"{name} was written for a newer mercure-deploy", hint="upgrade mercure-deploy")
    if version != 1 or not isinstance(files, list) or not isinstance(keys, list) or not all(map(_inside, files)):
        raise _damaged(name, data)
    return Manifest(tuple(files), document)


def _inside(path: object) -> bool:
    if not isinstance(path, str) or not path.isprintable() or len(path) > 255:
        return False
    return all(part not in {"", ".", ".."} for part in path.split("/"))


def _damaged(name: str, data: bytes) -> Trouble:
    if b"\n<<<<<<< " in b"\n" + data:
        hint = "take the side whose serial is higher, and the key ring that belongs to it; then render"
        return Trouble(f"{name} has the marks of a merge conflict: two people changed the keys", hint=hint)
    return Trouble(f"{name} is damaged", hint="restore it from git")

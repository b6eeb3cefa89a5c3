"""manifest.json: what was rendered for an environment, and the public view of its key ring; committed, no secrets.

    {"version": 1, "files": ["Caddyfile", "app.env", ...], "keys": [{"id": ..., "fingerprint": ..., "state": ...}]}

What a row of `keys` holds is the business of `keys.public_view` and `keys.loads_public`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mercure_deploy.errors import Trouble

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """`files` are paths within the environment's folder, sorted, without the manifest itself."""

    files: tuple[str, ...]
    keys: tuple[object, ...]


def dumps(files: Iterable[str], keys: Sequence[object]) -> bytes:
    """The text of a manifest, one file and one key a line, so that a diff shows what changed."""
    # without an indent of its own the encoder is the fast one
    lists = {"files": sorted(set(files)), "keys": keys}
    parts = [f'"{name}": [\n{_lines(items)}\n  ]' for name, items in lists.items()]
    return ("{\n  " + ",\n  ".join(['"version": 1', *parts]) + "\n}\n").encode()


def _lines(items: Iterable[object]) -> str:
    return ",\n".join(f"    {json.dumps(item)}" for item in items)


def loads(data: bytes, name: str) -> Manifest:
    """The manifest in that text. Trouble when it is damaged, newer than this version, or names paths outside."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise _damaged(name) from None
    if not isinstance(document, dict):
        raise _damaged(name)
    version, files, keys = (document.get(word) for word in ("version", "files", "keys"))
    if isinstance(version, int) and version > 1:
        raise Trouble(f"{name} was written for a newer mercure-deploy", hint="upgrade mercure-deploy")
    if version != 1 or not isinstance(files, list) or not isinstance(keys, list) or not all(map(_inside, files)):
        raise _damaged(name)
    return Manifest(tuple(files), tuple(keys))


def _inside(path: object) -> bool:
    if not isinstance(path, str) or not path.isprintable() or len(path) > 255:
        return False
    return all(part not in {"", ".", ".."} for part in path.split("/"))


def _damaged(name: str) -> Trouble:
    return Trouble(f"{name} is damaged", hint="restore it from git")

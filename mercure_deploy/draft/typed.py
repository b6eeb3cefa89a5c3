"""`init`: origins of apps and hub as somebody typed them; the rest is `root.beginning`, and `render`."""

import re
from collections.abc import Sequence

from mercure_deploy.errors import Trouble
from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.facts.origins import parse_origin

_NAMED = re.compile(r"(?P<name>[^=:/]*)=(?P<url>.*)", re.DOTALL)
_LOCAL = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?/?|.*\.localhost(:[0-9]+)?/?")


def named(apps: Sequence[str]) -> dict[str, str]:
    """URLs by name from `[NAME=]URL`; the only one may go without a name. Trouble for a name missing or said twice."""
    found: dict[str, str] = {}
    for text in apps:
        match = _NAMED.fullmatch(text)
        name, url = (match["name"], match["url"]) if match else ("app", text)
        if len(apps) > 1 and not match:
            raise Trouble("several --app need a name each", hint="--app shop=https://shop.example.com")
        if name in found:
            raise Trouble(f"two --app are named {name}", hint="give each a name of its own")
        found[name] = url
    return found


def completed(text: str) -> str:
    """What somebody typed as an origin, with its scheme: https, but http for this machine. ValueError with a reason."""
    word = text.strip()
    if "://" not in word:
        word = f"{'http' if _LOCAL.fullmatch(word) else 'https'}://{word}"
    return str(parse_origin(word, drop_path=HUB_PATH))

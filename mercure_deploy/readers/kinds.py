"""Which kind a file is of, by its name, and where that does not tell, by its text."""

import re
from typing import Literal

from mercure_deploy.readers import tokens

Kind = Literal["dotenv", "compose", "caddyfile", "symfony", "tokens"]

_NAMES: tuple[tuple[Kind, "re.Pattern[str]"], ...] = (
    ("compose", re.compile(r"(docker-)?compose[^/]*\.ya?ml")),
    ("caddyfile", re.compile(r"Caddyfile[^/]*|[^/]+\.caddy(file)?", re.IGNORECASE)),
    ("dotenv", re.compile(r"\.env(\.[^/]+)?|[^/]+\.env")),
    ("symfony", re.compile(r"mercure\.ya?ml")),
    ("tokens", re.compile(r"[^/]*token[^/]*\.(txt|jwt)|[^/]+\.jwt", re.IGNORECASE)),
)


def by_name(path: str) -> Kind | None:
    """The kind that the name of a file tells, None when it tells none."""
    name = path.rpartition("/")[2]
    if name.endswith((".dist", ".example", ".sample", ".php")):
        return None
    kind = next((kind for kind, pattern in _NAMES if pattern.fullmatch(name)), None)
    if kind == "symfony" and "config/" not in f"{path}/":
        return None
    return kind


def by_text(text: str) -> Kind | None:
    """The kind that the text of a file tells."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return None
    if all(tokens.looks_like(line) for line in lines):
        return "tokens"
    if re.search(r"^mercure:\s*$\n(\s*#.*\n)*\s+hubs:", text, re.MULTILINE):
        return "symfony"
    if re.search(r"^services:", text, re.MULTILINE):
        return "compose"
    if re.search(r"^\s*mercure\s*\{", text, re.MULTILINE):
        return "caddyfile"
    return "dotenv" if all(re.match(r"(export\s+)?[A-Za-z_][A-Za-z0-9_]*=", line) for line in lines[:5]) else None

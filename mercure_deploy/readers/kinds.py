"""Which kind a file is of, by its name, and where that does not tell, by its text."""

import re
from typing import Literal

from mercure_deploy.readers import apache, dockerfile, haproxy, helm, kubernetes, systemd, tokens, twig

Kind = Literal[
    "dotenv",
    "compose",
    "caddyfile",
    "symfony",
    "helm",
    "nginx",
    "tokens",
    "kubernetes",
    "systemd",
    "dockerfile",
    "apache",
    "haproxy",
    "twig",
]

_NAMES: tuple[tuple[Kind, "re.Pattern[str]"], ...] = (
    ("compose", re.compile(r"(docker-)?(compose|stack|swarm)[^/]*\.ya?ml")),
    ("caddyfile", re.compile(r"Caddyfile[^/]*|[^/]+\.caddy(file)?", re.IGNORECASE)),
    ("dotenv", re.compile(r"\.env(\.[^/]+)?|[^/]+\.env")),
    ("symfony", re.compile(r"mercure\.ya?ml")),
    ("helm", re.compile(r"values[^/]*\.ya?ml")),
    ("haproxy", re.compile(r"haproxy[^/]*\.(cfg|conf)")),
    ("nginx", re.compile(r"[^/]+\.conf|nginx[^/]*")),
    ("systemd", re.compile(r"[^/]+\.service")),
    ("dockerfile", re.compile(r"Dockerfile[^/]*|[^/]+\.[Dd]ockerfile|Containerfile")),
    ("twig", re.compile(r"[^/]+\.twig")),
    # by their text alone: everybody calls them otherwise
    ("kubernetes", re.compile(r"[^/]+\.ya?ml")),
    ("tokens", re.compile(r"[^/]*token[^/]*\.(txt|jwt)|[^/]+\.jwt", re.IGNORECASE)),
)
# that tell of a hub too, and that nobody reads here
_UNREAD = re.compile(
    r"traefik[^/]*\.(ya?ml|toml)|lighttpd[^/]*|[^/]+\.vcl|squid\.conf|envoy[^/]*\.ya?ml|fly\.toml|railway\.(json|toml)"
    r"|[^/]+\.tf|[^/]+\.nomad|[^/]+\.hcl|Procfile|render\.yaml|\.platform\.app\.yaml|[^/]+\.container|[^/]+\.ps1"
)
# kinds whose files have the names of others too
_BESIDE: dict[Kind, tuple[str, ...]] = {
    "kubernetes": (".yaml", ".yml"),
    "apache": (".conf",),
    "haproxy": (".conf", ".cfg"),
    "systemd": (".conf",),
}
# what stands in a file of each kind, of those whose names others have too
_WORDS: dict[Kind, "re.Pattern[str]"] = {
    "helm": helm.WORDS,
    "kubernetes": kubernetes.WORDS,
    "twig": twig.WORDS,
    "systemd": systemd.WORDS,
    "apache": apache.WORDS,
    "haproxy": haproxy.WORDS,
    "dockerfile": dockerfile.WORDS,
    "nginx": re.compile(r"location"),
}
# and what stands there besides; a template of a chart is no YAML before it is filled in
_ALSO: dict[Kind, "re.Pattern[str]"] = {
    "kubernetes": re.compile(r"\A(?!.*\{\{).*kind:", re.DOTALL),
    "systemd": re.compile(r"mercure", re.IGNORECASE),
    "dockerfile": re.compile(r"mercure|frankenphp", re.IGNORECASE),
    "nginx": re.compile(r"proxy_pass|server_name"),
}
# what stands in a file of each kind alone
_TEXTS: tuple[tuple[Kind, "re.Pattern[str]"], ...] = (
    ("kubernetes", kubernetes.WORDS),
    ("systemd", systemd.WORDS),
    ("apache", apache.WORDS),
    ("haproxy", haproxy.WORDS),
    ("dockerfile", dockerfile.WORDS),
    ("symfony", re.compile(r"^mercure:\s*$\n(\s*#.*\n)*\s+hubs:", re.MULTILINE)),
    ("nginx", re.compile(r"^\s*location\s[^;{]*\{[^}]*\bproxy_pass\b", re.MULTILINE)),
    ("compose", re.compile(r"^services:", re.MULTILINE)),
    ("caddyfile", re.compile(r"^\s*mercure\s*\{", re.MULTILINE)),
    ("helm", helm.WORDS),
)


def by_name(path: str) -> Kind | None:
    """The kind that the name of a file tells, None when it tells none."""
    name = path.rpartition("/")[2]
    if name.endswith((".dist", ".example", ".sample", ".php")):
        return None
    kind = next((kind for kind, pattern in _NAMES if pattern.fullmatch(name)), None)
    return "kubernetes" if kind == "symfony" and "config/" not in f"{path}/" else kind


def is_unread(path: str) -> bool:
    """Whether a file of that name may say something of a hub, in words that nobody reads here."""
    return _UNREAD.fullmatch(path.rpartition("/")[2]) is not None


def of(path: str, text: str, *, named: bool) -> Kind | None:
    """The kind of a file that has to do with a hub, by its name; by its text too where it was `named`."""
    kind = by_name(path)
    beside = (each for each in _BESIDE if path.endswith(_BESIDE[each]))
    for each in (kind, *beside) if kind else ():
        if _is_about(each, text):
            return each
    found = by_text(text) if named else None
    return found if found and _is_about(found, text) else None


def _is_about(kind: Kind, text: str) -> bool:
    """Whether a file of that name has to do with a hub at all: others have values and configurations too."""
    return kind not in _WORDS or (
        _WORDS[kind].search(text) is not None and (kind not in _ALSO or _ALSO[kind].search(text) is not None)
    )


def by_text(text: str) -> Kind | None:
    """The kind that the text of a file tells."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return None
    if all(tokens.looks_like(line) for line in lines):
        return "tokens"
    kind = next((kind for kind, pattern in _TEXTS if pattern.search(text)), None)
    if kind:
        return kind
    return "dotenv" if all(re.match(r"(export\s+)?[A-Za-z_][A-Za-z0-9_]*=", line) for line in lines[:5]) else None

"""What differs between the hub's generations: images, cookie names, directives; facts, no files and no keys."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mercure_deploy.errors import closest, typed

Version = Literal["0.24", "1.0"]

# kind of the arguments of a directive of the `mercure` block
_FLAG, _DURATION, _NUMBER = "no argument", "a duration such as 15s", "a number"
_WORD, _ORIGINS, _SIZE = "one word", "origins such as https://app.example.com", "a size such as 1MB"
_ARGUMENTS = {
    _FLAG: re.compile(r""),
    _DURATION: re.compile(r"([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h|d))+|0"),
    _NUMBER: re.compile(r"[0-9]{1,9}"),
    _WORD: re.compile(r"[A-Za-z0-9_.-]+"),
    _ORIGINS: re.compile(r"https?://[^ ]+( https?://[^ ]+)*"),
    _SIZE: re.compile(r"[0-9]{1,9}([kKmMgG]i?[bB])?"),
}


@dataclass(frozen=True)
class Generation:
    """One generation of the hub.

    `image` is what a spec without one gets (it changes only in a minor release of this tool), `topic` how a
    subscriber names its topic, `free` the directives that a spec may add, with the kind
    of their arguments, `managed` those that this tool writes itself or refuses, `methods` those of the protocol.
    """

    image: str
    cookie: str
    topic: str
    free: dict[str, str]
    managed: frozenset[str]
    methods: tuple[str, ...] = ("GET", "POST", "OPTIONS")


_COMMON = {
    "write_timeout": _DURATION,
    "dispatch_timeout": _DURATION,
    "heartbeat": _DURATION,
    "publish_origins": _ORIGINS,
    "subscriber_list_cache_size": _NUMBER,
}
_KEYS = {"publisher_jwt", "publisher_jwks_url", "subscriber_jwt", "subscriber_jwks_url"}
_MANAGED = {"anonymous", "subscriptions", "cors_origins", "transport", "transport_url", "cookie_name"} | _KEYS

# The names are those that the hub's Caddyfile parser knows: 0.24.2 ignores every other without a word (measured),
# 1.0 refuses to start.
GENERATIONS: dict[str, Generation] = {
    "0.24": Generation(
        image="dunglas/mercure:v0.24.2",
        cookie="mercureAuthorization",
        topic="topic",
        free={**_COMMON, "name": _WORD, "demo": _FLAG, "ui": _FLAG, "topic_selector_cache": _NUMBER},
        managed=frozenset(_MANAGED | {"protocol_version_compatibility"}),
    ),
    "1.0": Generation(
        image="dunglas/mercure:v1.0.0",
        cookie="__Secure-mercure_access_token",
        topic="match",
        free={
            **_COMMON,
            "playground": _FLAG,
            "debugger": _FLAG,
            "topic_matcher_cache": _NUMBER,
            "max_request_body_size": _SIZE,
        },
        managed=frozenset(
            _MANAGED | {"name", "protocol_version_compatibility", "issuer", "resource_identifier", "public_urls"}
        ),
        methods=("GET", "POST", "OPTIONS", "QUERY"),
    ),
}

# the path that the specification gives every hub
HUB_PATH = "/.well-known/mercure"
# the variables of app and hub in which a key stands, in our files and wherever they are handed on to
KEY_VARIABLES = re.compile(r"(CADDY_)?MERCURE_(JWT_SECRET|JWT_KEY_B64|(PUBLISHER|SUBSCRIBER)_JWT_KEY|JWK_[0-9]+)")
# directives that open a hub to whoever visits it: pages that reflect HTML and set the cookie from the URL (measured)
DOORS = frozenset({"demo", "ui", "playground", "debugger"})
# what stands in the spec by another word than the directive; the rest of the managed ones cannot be said at all
_SPEC_WORDS = {
    "anonymous": "hub.anonymous",
    "subscriptions": "hub.subscriptions",
    "cors_origins": "apps.*.origins",
    "cookie_name": "hub.cookie_name",
    "issuer": "hub.issuer",
    "transport": "hub.history",
    "transport_url": "hub.history",
    "protocol_version_compatibility": "hub.legacy_clients",
}

_TAGGED = re.compile(r"(?:^|/)(?P<name>mercure|frankenphp):(?P<tag>[^/]+)$")
_IMAGE = re.compile(
    r"(?P<name>[a-z0-9]+(?:[._:/-]+[A-Za-z0-9]+)*?)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?P<digest>@sha256:[0-9a-f]{64})?"
)
_FLOATING = re.compile(r"(latest|edge|main|master|dev|nightly|stable|alpine|v?[0-9]+(\.[0-9]+)?)(-[a-z]+)?")
_RELEASE = re.compile(r"v?(?P<major>[0-9]+)\.(?P<minor>[0-9]+)\.[0-9]+")


def release(image: str) -> str | None:
    """The release of the hub in an image, as `v0.24.2` or `0.24`; None where the image does not tell.

    That of a hub tells it by its tag, FrankenPHP's by a table (read in its releases); an app's own tells nothing.
    """
    found = _TAGGED.search(image.partition("@")[0])
    if not found:
        return None
    if found["name"] == "mercure":
        return found["tag"] if re.match(r"v?\d+\.", found["tag"]) else None
    number = re.match(r"v?(\d+)\.(\d+)\.(\d+)", found["tag"])
    franken = tuple(map(int, number.groups())) if number else ()
    if franken and (1, 12, 3) <= franken < (1, 13, 0):
        return "0.24"
    return "0.22" if franken == (1, 12, 2) else None


def is_image(text: str) -> bool:
    """Whether `text` is an image reference such as `registry.example.com/mercure:v0.24.2`, digest allowed."""
    return len(text) <= 500 and _IMAGE.fullmatch(text) is not None


def image_problem(image: str, version: str) -> str | None:
    """Why `image`, see `is_image`, cannot be deployed as a hub of that generation, None when it can."""
    found = _IMAGE.fullmatch(image)
    if not found:
        raise ValueError("is no image reference")
    name, tag, tag_that_moves = found["name"], found["tag"], floating_tag(image)
    if tag_that_moves is not None:
        return f"must name one release, {moving(tag_that_moves)}"
    release = _RELEASE.match(tag or "")
    if release and name.rpartition("/")[2] == "mercure":
        generation = "1.0" if release["major"] == "1" else f"{release['major']}.{release['minor']}"
        if generation != version:
            return f"is a hub of generation {generation}, not {version}"
    return None


def moving(tag: str) -> str:
    """What is wrong with a tag that is another image some day; "" is none at all."""
    return f"the tag {tag} moves" if tag else "it has no tag"


def floating_tag(image: str) -> str | None:
    """The tag of an image that is another one some day, "" where it has none; None where one release is named."""
    found = _IMAGE.fullmatch(image)
    if not found or found["digest"]:
        return None
    tag = found["tag"] or ""
    return tag if not tag or _FLOATING.fullmatch(tag) else None


def directive_problems(lines: Sequence[str], version: str) -> Iterator[tuple[int, str, str]]:
    """(index, what is wrong, what to do) for each of `lines` that may not stand in the hub's `mercure` block."""
    generation, seen = GENERATIONS[version], set()
    for index, line in enumerate(lines):
        name, _, arguments = line.partition(" ")
        plain = name.removesuffix(":")
        problem = _characters(line) or _name(plain, generation, version)
        if not problem and plain != name:
            problem = (f"{plain} has a colon", f"write it as in a Caddyfile: {plain} {arguments}".strip())
        problem = problem or _arguments(name, arguments, generation)
        if not problem and name in seen:
            problem = (f"{name} is said twice", "leave one of them out")
        if problem:
            yield index, *problem
        seen.add(name)


def _characters(line: str) -> tuple[str, str] | None:
    hint = "one directive with its arguments, such as heartbeat 15s"
    if not line.isprintable():
        return "must be one line without control characters", hint
    unsafe = sorted({c for c in line if c in "{}\"'`\\#$<>"})
    if unsafe:
        return f"must not contain {' '.join(unsafe)}", hint
    return None if line.isascii() and line == line.strip() and line else ("must be one directive in plain ASCII", hint)


def _name(name: str, generation: Generation, version: str) -> tuple[str, str] | None:
    if name in generation.free:
        return None
    if name in generation.managed:
        word = _SPEC_WORDS.get(name)
        hint = f"leave it out, the spec says it with {word}" if word else "leave it out, it follows from the rest"
        return f"{name} is written by mercure-deploy itself", hint
    return f"{typed(name, 40)} is no directive of hub {version}", closest(name, sorted(generation.free))


def _arguments(name: str, arguments: str, generation: Generation) -> tuple[str, str] | None:
    kind = generation.free[name]
    return None if _ARGUMENTS[kind].fullmatch(arguments) else (f"{name} takes {kind}", "see the hub's documentation")


def serves(path: str) -> bool:
    """Whether a hub takes updates under that path of a URL; a query is no part of it (held against the hub)."""
    return path.partition("?")[0] == HUB_PATH


def below(prefix: str, path: str = HUB_PATH) -> bool:
    """Whether a path is that prefix, or below it, by whole segments, as browsers, Apache, Kubernetes compare."""
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def matched(pattern: str, path: str = HUB_PATH) -> bool:
    """Whether a pattern stands somewhere in a path; one that Python cannot read matches none."""
    try:
        return re.search(pattern, path) is not None
    except re.error:
        return False

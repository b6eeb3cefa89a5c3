"""The types of single fields: what is read from text, with the reason when it cannot be; no rule between two fields."""

import re
from datetime import timedelta
from typing import Annotated, Any, Never

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from mercure_deploy.errors import closest
from mercure_deploy.facts.hubs import HUB_PATH, is_image
from mercure_deploy.facts.origins import Origin, WildcardError, parse_origin
from mercure_deploy.findings import ACCEPTABLE, IDS

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_DURATION = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=36_500)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_COOKIE_NAME = re.compile(r"(__Secure-)?[A-Za-z][A-Za-z0-9_-]{0,79}")
_TYPED_STAR = re.compile(r"\s*\*\s*")
_HUB_STREAM = re.compile(rf"https?://[^/]+{re.escape(HUB_PATH)}/?", re.IGNORECASE)
_ISSUER = re.compile(r"https?://[A-Za-z0-9._~:/@%+,=-]+")


def refuse(kind: str, message: str, hint: str | None = None) -> Never:
    """End the validation of a field; `kind` is a finding id or a word of pydantic's own sort."""
    # the braces of a message would be taken for placeholders
    raise PydanticCustomError(kind, "{message}", {"message": message, "hint": hint})


_VARIABLE = re.compile(r"\$\{|\{\$|\{env\.|\$\(|^\$[A-Za-z_]|%env\(|\{\{")
_TYPOGRAPHIC = re.compile("[\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb]")


def text_of(value: Any, example: str) -> str:  # noqa: ANN401 - whatever the YAML says stands here
    """The value where it is text; `example` is how it is written."""
    if not isinstance(value, str):
        # in Python True is an int, in YAML it is its own thing
        kind = {bool: "a boolean", int: "a number", float: "a number", type(None): "nothing"}.get(type(value))
        kind = kind or ("a list" if isinstance(value, list) else "a mapping")
        refuse("text", f"must be text, not {kind}", f'write it in quotes: "{example}"')
    return value


def _plain(value: Any, example: str) -> str:  # noqa: ANN401
    """Text without what belongs to another notation."""
    text = text_of(value, example)
    if _VARIABLE.search(text):
        refuse("variable", "holds a variable", "the spec is read as it is: write the value itself")
    quote = _TYPOGRAPHIC.search(text)
    if quote:
        refuse("quote", f"has the typographic quote {quote[0]}", "use straight ones, \" or ', or none at all")
    if text.endswith(","):
        refuse("comma", "ends with a comma", "leave it out, a line of YAML needs none")
    return text


def _name(value: Any) -> str:  # noqa: ANN401
    text = text_of(value, "production")
    if not _NAME.fullmatch(text):
        near = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
        hint = f"write it as {near}" if _NAME.fullmatch(near) else "begin it with a letter, as in production"
        refuse("name", "must be 1 to 40 of a-z, 0-9 and -, beginning with a letter", hint)
    return text


def _origin(value: Any, example: str, path_hint: str, *, hub: bool = False, wildcard: bool = False) -> Origin:  # noqa: ANN401
    """An origin; `path_hint` is what to do about a path, `hub` whether that of the hub may stand behind it."""
    text = _plain(value, example)
    if "#" in text:
        refuse("origin", "has a # in it", "a comment needs a blank before its #; an origin has no fragment")
    if "://" not in text and not _TYPED_STAR.fullmatch(text):
        scheme = example.partition("://")[0]
        refuse("origin", f"must begin with {scheme}://", _origin_hint(text, example, path_hint))
    if not hub and _HUB_STREAM.fullmatch(text):
        refuse(
            "origin",
            "is the URL of a hub",
            f"write the origin of what is meant here, as {example}; the hub's is hub.url",
        )
    try:
        return parse_origin(text, drop_path=HUB_PATH if hub else "", wildcard=wildcard)
    except WildcardError as error:
        hint = "list the origins of your pages; with credentials browsers refuse *"
        refuse("cors-wildcard-credentials", str(error), hint)
    except ValueError as error:
        refuse("origin", str(error), _origin_hint(text, example, path_hint))


def _origin_hint(text: str, example: str, path_hint: str) -> str | None:
    bare = re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?/?", text)
    if bare and "://" not in text:
        return f"write it with its scheme, as {example}"
    return path_hint if re.fullmatch(r"https?://[^/]+/[A-Za-z0-9._~/-]*", text) else None


_OTHER_PATH = "for a hub under another path there is a word of its own: path, as path: /hub"


def _hub_url(value: Any) -> Origin:  # noqa: ANN401
    return _origin(value, "https://hub.example.com", _OTHER_PATH, hub=True)


def _internal_url(value: Any) -> Origin:  # noqa: ANN401
    return _origin(value, "http://hub-shop", "leave the path out: inside it is always the hub's own", hub=True)


def _page_url(value: Any) -> Origin:  # noqa: ANN401
    return _origin(value, "https://app.example.com", "leave the path out: an origin is what a browser sends")


def _page_origin(value: Any) -> Origin:  # noqa: ANN401
    hint = "leave the path out: an origin is what a browser sends"
    return _origin(value, "https://www.example.com", hint, wildcard=True)


def _instance_url(value: Any) -> Origin:  # noqa: ANN401
    hint = "leave the path out: project and environment have words of their own"
    return _origin(value, "https://coolify.example.com", hint)


def _duration(value: Any) -> timedelta:  # noqa: ANN401
    if isinstance(value, int) and not isinstance(value, bool):
        refuse("duration", "has no unit", f"write it with one of s, m, h, d, such as {abs(value) % 10**9}s")
    found = _DURATION.fullmatch(_plain(value, "90d"))
    if not found:
        refuse("duration", "must be a number and one of s, m, h, d, such as 90d")
    length = timedelta(**{_UNITS[found["unit"]]: int(found["count"])})
    if not timedelta(0) < length <= _LONGEST:
        refuse("duration", "must be longer than 0s and at most 36500d")
    return length


def duration(text: str) -> timedelta:
    """A duration as the spec writes it. ValueError, with a reason, for any other text."""
    try:
        return _duration(text)
    except PydanticCustomError as error:
        raise ValueError(error.message()) from None


def duration_text(length: timedelta) -> str:
    """A duration in the largest unit of the spec that holds it, such as 90d."""
    seconds = int(length.total_seconds())
    units = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
    size, unit = next((size, unit) for size, unit in units if not seconds % size)
    return f"{seconds // size}{unit}"


def _lifetime(value: Any) -> timedelta:  # noqa: ANN401
    length = _duration(value)
    if length < timedelta(minutes=1):
        refuse("duration", "must be at least 1m")
    return length


def matching(value: Any, pattern: "re.Pattern[str]", kind: str, message: str, example: str) -> str:  # noqa: ANN401
    """Plain text that has that form."""
    text = _plain(value, example)
    if not pattern.fullmatch(text):
        refuse(kind, message)
    return text


def _email(value: Any) -> str:  # noqa: ANN401
    return matching(value, _EMAIL, "email", "must be an e-mail address", "ops@example.com")


def _issuer(value: Any) -> str:  # noqa: ANN401
    text = _plain(value, "https://hub.example.com")
    if not _ISSUER.fullmatch(text) or len(text) > 500:
        refuse("issuer", "must be an http or https URL without query and fragment")
    return text


def _image(value: Any) -> str:  # noqa: ANN401
    text = _plain(value, "dunglas/mercure:v0.24.2")
    if not is_image(text):
        refuse("image", "is no image reference, such as dunglas/mercure:v0.24.2")
    return text


def _network(value: Any) -> str:  # noqa: ANN401
    message = "must be the name of a docker network, such as shop-net"
    return matching(value, _NETWORK, "network", message, "shop-net")


def _path(value: Any) -> str:  # noqa: ANN401
    message = "must be a path that begins with / and does not end with it, such as /hub"
    return matching(value, _PATH, "path", message, "/hub")


def _cookie_name(value: Any) -> str:  # noqa: ANN401
    message = "must be 1 to 80 of A-Z, a-z, 0-9, _ and -, beginning with a letter or __Secure-"
    return matching(value, _COOKIE_NAME, "cookie-name", message, "shopAuthorization")


def _resource(value: Any) -> str:  # noqa: ANN401
    text = _plain(value, "shop")
    if not text.isprintable() or text != text.strip() or not 0 < len(text) <= 200:
        refuse("resource", "must be a name or uuid as Coolify shows it, in one line")
    return text


def _address(value: Any) -> str:  # noqa: ANN401
    text = _plain(value, "127.0.0.1")
    import ipaddress  # noqa: PLC0415 - few specs name one

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        refuse("address", "must be an IP address of this machine, such as 127.0.0.1")


def _line(value: Any) -> str:  # noqa: ANN401
    return text_of(value, "heartbeat 15s")


def _version(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        refuse("text", "must be text, not a number", 'write it in quotes, as "0.24" or "1.0"')
    return text_of(value, "0.24")


def _bundle(value: Any) -> str | None:  # noqa: ANN401
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        refuse("text", "must be text, not a number", 'write it in quotes, such as "0.5"')
    return value if value is None else text_of(value, "0.5")


def _accepted(value: Any) -> str:  # noqa: ANN401
    text = text_of(value, "anonymous")
    if text in ACCEPTABLE:
        return text
    if text in IDS:
        refuse("accept", f"{text} cannot be accepted", f"only these can: {', '.join(sorted(ACCEPTABLE))}")
    refuse("accept", "is no finding id that can be accepted", closest(text, sorted(ACCEPTABLE)))


def schema_of(**said: Any) -> WithJsonSchema:  # noqa: ANN401
    """The JSON Schema of a text."""
    return WithJsonSchema({"type": "string", **said})


_PAGE_PATTERN = r"^https?://[^/?#@ ]+/?$"
_HUB_PATTERN = r"^https?://[^/?#@ ]+(/|/\.well-known/mercure/?)?$"
Name = Annotated[str, PlainValidator(_name), schema_of(pattern="^[a-z][a-z0-9-]{0,39}$")]
HubUrl = Annotated[Origin, PlainValidator(_hub_url), schema_of(pattern=_HUB_PATTERN)]
InternalUrl = Annotated[Origin, PlainValidator(_internal_url), schema_of(pattern=_HUB_PATTERN)]
PageUrl = Annotated[Origin, PlainValidator(_page_url), schema_of(pattern=_PAGE_PATTERN)]
PageOrigin = Annotated[Origin, PlainValidator(_page_origin), schema_of(pattern=_PAGE_PATTERN)]
InstanceUrl = Annotated[Origin, PlainValidator(_instance_url), schema_of(pattern=_PAGE_PATTERN)]
Duration = Annotated[
    timedelta, PlainValidator(_duration), PlainSerializer(duration_text), schema_of(pattern="^[0-9]{1,9}[smhd]$")
]
Lifetime = Annotated[
    timedelta, PlainValidator(_lifetime), PlainSerializer(duration_text), schema_of(pattern="^[0-9]{1,9}[smhd]$")
]
Email = Annotated[str, PlainValidator(_email), schema_of(format="email", examples=["ops@example.com"])]
Issuer = Annotated[str, PlainValidator(_issuer), schema_of(format="uri", examples=["https://hub.example.com"])]
Network = Annotated[str, PlainValidator(_network), schema_of(examples=["shop-net"])]
HubPath = Annotated[str, PlainValidator(_path), schema_of(pattern="^(/[A-Za-z0-9._~-]+)+$", examples=["/hub"])]
CookieName = Annotated[str, PlainValidator(_cookie_name), schema_of(examples=["shopAuthorization"])]
Address = Annotated[str, PlainValidator(_address), schema_of(examples=["127.0.0.1"])]
Resource = Annotated[str, PlainValidator(_resource), schema_of(minLength=1, maxLength=200, examples=["shop"])]
Image = Annotated[str, PlainValidator(_image), schema_of(examples=["dunglas/mercure:v0.24.2"])]
Line = Annotated[str, PlainValidator(_line), schema_of()]
VersionText = BeforeValidator(_version)
BundleText = BeforeValidator(_bundle)
Accepted = Annotated[str, PlainValidator(_accepted), schema_of(enum=sorted(ACCEPTABLE))]

"""The types of single fields: what is read from text, with the reason when it cannot be; no rule between two fields."""

import re
from datetime import timedelta
from typing import Annotated, Any, Never

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from mercure_deploy.facts.hubs import is_image
from mercure_deploy.facts.origins import Origin, WildcardError, parse_origin
from mercure_deploy.findings import ACCEPTABLE, IDS

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_DURATION = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=36_500)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_ISSUER = re.compile(r"https?://[A-Za-z0-9._~:/@%+,=-]+")


def _refuse(kind: str, message: str, hint: str | None = None) -> Never:
    """End the validation of a field; `kind` is a finding id or a word of pydantic's own sort."""
    # the braces of a message would be taken for placeholders
    raise PydanticCustomError(kind, "{message}", {"message": message, "hint": hint})


def _text(value: Any, example: str) -> str:  # noqa: ANN401 - whatever the YAML says stands here
    if not isinstance(value, str):
        # in Python True is an int, in YAML it is its own thing
        kind = {bool: "a boolean", int: "a number", float: "a number", type(None): "nothing"}.get(type(value))
        _refuse("text", f"must be text, not {kind or 'a ' + type(value).__name__}", f'write it in quotes: "{example}"')
    return value


def _name(value: Any) -> str:  # noqa: ANN401
    text = _text(value, "production")
    if not _NAME.fullmatch(text):
        _refuse("name", "must be 1 to 40 of a-z, 0-9 and -, beginning with a letter")
    return text


def _origin(value: Any, *, wildcard: bool = False) -> Origin:  # noqa: ANN401
    text = _text(value, "https://hub.example.com")
    try:
        return parse_origin(text, drop_path="/.well-known/mercure", wildcard=wildcard)
    except WildcardError as error:
        hint = "list the origins of your pages; with credentials browsers refuse *"
        _refuse("cors-wildcard-credentials", str(error), hint)
    except ValueError as error:
        _refuse("origin", str(error))


def _duration(value: Any) -> timedelta:  # noqa: ANN401
    found = _DURATION.fullmatch(_text(value, "90d"))
    if not found:
        _refuse("duration", "must be a number and one of s, m, h, d, such as 90d")
    length = timedelta(**{_UNITS[found["unit"]]: int(found["count"])})
    if not timedelta(0) < length <= _LONGEST:
        _refuse("duration", "must be longer than 0s and at most 36500d")
    return length


def duration_text(length: timedelta) -> str:
    """A duration in the largest unit of the spec that holds it, such as 90d."""
    seconds = int(length.total_seconds())
    units = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
    size, unit = next((size, unit) for size, unit in units if not seconds % size)
    return f"{seconds // size}{unit}"


def _lifetime(value: Any) -> timedelta:  # noqa: ANN401
    length = _duration(value)
    if length < timedelta(minutes=1):
        _refuse("duration", "must be at least 1m")
    return length


def _email(value: Any) -> str:  # noqa: ANN401
    text = _text(value, "ops@example.com")
    if not _EMAIL.fullmatch(text):
        _refuse("email", "must be an e-mail address")
    return text


def _issuer(value: Any) -> str:  # noqa: ANN401
    text = _text(value, "https://hub.example.com")
    if not _ISSUER.fullmatch(text) or len(text) > 500:
        _refuse("issuer", "must be an http or https URL without query and fragment")
    return text


def _image(value: Any) -> str:  # noqa: ANN401
    text = _text(value, "dunglas/mercure:v0.24.2")
    if not is_image(text):
        _refuse("image", "is no image reference, such as dunglas/mercure:v0.24.2")
    return text


def _line(value: Any) -> str:  # noqa: ANN401
    return _text(value, "heartbeat 15s")


def _version(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _refuse("text", "must be text, not a number", 'write it in quotes: version: "0.24" or version: "1.0"')
    return _text(value, "0.24")


def _accepted(value: Any) -> str:  # noqa: ANN401
    text = _text(value, "anonymous")
    if text in ACCEPTABLE:
        return text
    if text in IDS:
        _refuse("accept", f"{text} cannot be accepted", f"only these can: {', '.join(sorted(ACCEPTABLE))}")
    from difflib import get_close_matches  # noqa: PLC0415 - only when something is wrong

    near = get_close_matches(text, sorted(ACCEPTABLE), n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(sorted(ACCEPTABLE))}"
    _refuse("accept", "is no finding id that can be accepted", hint)


def _schema(**said: Any) -> WithJsonSchema:  # noqa: ANN401
    return WithJsonSchema({"type": "string", **said})


_ORIGIN_PATTERN = r"^https?://[^/?#@ ]+(/|/\.well-known/mercure/?)?$"
Name = Annotated[str, PlainValidator(_name), _schema(pattern="^[a-z][a-z0-9-]{0,39}$")]
Url = Annotated[Origin, PlainValidator(_origin), _schema(pattern=_ORIGIN_PATTERN)]
PageOrigin = Annotated[
    Origin, PlainValidator(lambda value: _origin(value, wildcard=True)), _schema(pattern=_ORIGIN_PATTERN)
]
Duration = Annotated[
    timedelta, PlainValidator(_duration), PlainSerializer(duration_text), _schema(pattern="^[0-9]{1,9}[smhd]$")
]
Lifetime = Annotated[
    timedelta, PlainValidator(_lifetime), PlainSerializer(duration_text), _schema(pattern="^[0-9]{1,9}[smhd]$")
]
Email = Annotated[str, PlainValidator(_email), _schema(format="email")]
Issuer = Annotated[str, PlainValidator(_issuer), _schema(format="uri")]
Image = Annotated[str, PlainValidator(_image), _schema()]
Line = Annotated[str, PlainValidator(_line), _schema()]
VersionText = BeforeValidator(_version)
Accepted = Annotated[str, PlainValidator(_accepted), _schema(enum=sorted(ACCEPTABLE))]

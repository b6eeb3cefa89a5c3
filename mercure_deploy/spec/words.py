"""The types of the fields that name something on a platform: programs, namespaces, sizes, options of a module."""

import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from mercure_deploy.spec.fields import matching, refuse, schema_of, text_of

_BINARY = r"(/[A-Za-z0-9._+-]+)+"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
WORD = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
_QUANTITY = r"[1-9][0-9]{0,8}(Mi|Gi|Ti)"
_ENVIRONMENT = re.compile(r"\{env\.[A-Za-z_][A-Za-z0-9_]*\}")


def _binary(value: Any) -> str:  # noqa: ANN401 - whatever the YAML says stands here
    message = "must be an absolute path, such as /usr/local/bin/mercure"
    return matching(value, re.compile(_BINARY), "path", message, "/usr/bin/mercure")


def _namespace(value: Any) -> str:  # noqa: ANN401
    message = "must be a name as Kubernetes has them: 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends"
    return matching(value, re.compile(_LABEL), "name", message, "mercure")


def _word(value: Any) -> str:  # noqa: ANN401
    message = "must be one word of A-Z, a-z, 0-9, _, . and -, such as websecure"
    return matching(value, re.compile(WORD), "name", message, "websecure")


def quantity(value: Any) -> str:  # noqa: ANN401
    """A size as Kubernetes writes it, with its unit."""
    return matching(value, re.compile(_QUANTITY), "quantity", "must be a size with its unit, such as 1Gi", "1Gi")


def _option(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = text_of(value, "mercure")
    bare = _ENVIRONMENT.sub("", text)
    if not bare.isprintable() or re.search(r"[{}`\"\\]", bare) or not text.strip():
        refuse("option", "must be a line of text without quotes, backslashes and braces, but for {env.NAME}")
    return text


Binary = Annotated[str, PlainValidator(_binary), schema_of(pattern=f"^{_BINARY}$", examples=["/usr/bin/mercure"])]
Namespace = Annotated[str, PlainValidator(_namespace), schema_of(pattern=f"^{_LABEL}$", examples=["mercure"])]
Word = Annotated[str, PlainValidator(_word), schema_of(pattern=f"^{WORD}$", examples=["websecure"])]
Quantity = Annotated[str, PlainValidator(quantity), schema_of(pattern=f"^{_QUANTITY}$", examples=["1Gi"])]
OptionValue = Annotated[
    str, PlainValidator(_option), WithJsonSchema({"type": ["string", "integer"], "examples": ["mercure"]})
]

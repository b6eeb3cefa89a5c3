"""A value as text for the program that reads it: env files, compose, YAML, Caddyfile, shell."""

import json
import re

# Read alike, without quotes, by Symfony Dotenv, docker compose, python-dotenv, bash, dash, systemd, docker run,
# dotenv for node, caddy --envfile and Coolify (measured, 16 readers).
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=?!^*-]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# clearly a string in YAML 1.1 and 1.2: begins with a letter and a separator follows, or is a plain word with one inside
_PLAIN_YAML = re.compile(
    r"[a-z][A-Za-z0-9_-]*[./][A-Za-z0-9_./@-]*(:[A-Za-z0-9_./@-]+)*|https?://[A-Za-z0-9.-]+(:[0-9]+)?"
)
_BARE_SHELL = re.compile(r"[A-Za-z0-9_./:@%+,-]+")
_BARE_CADDY = re.compile(r"[A-Za-z0-9_./:@%+,=?!^*-]+")


def is_bare(value: str) -> bool:
    """Whether every reader of env files takes it as it is."""
    return _BARE.fullmatch(value) is not None


def uncarried(value: str) -> str | None:
    """Why a secret does not arrive unchanged at app and hub on every platform, None where it does.

    Beyond what `dotenv` refuses these are the limits of Coolify: a literal value is written between single quotes as
    it is, blanks around it are cut off, and `{{team.NAME}}` is filled in (measured on 4.3.11).
    """
    if "'" in value:
        return "holds a '"
    if value != value.strip():
        return "has blanks around it"
    if "{{" in value:
        return "holds {{"
    try:
        dotenv(value)
    except ValueError as error:
        return str(error)
    return None


def dotenv(value: str) -> str:
    """What may stand after `NAME=`.

    Bare where possible; quoted it is read alike by Symfony Dotenv, docker compose, python-dotenv, bash, dash and
    systemd, not by `docker run --env-file` and, over several lines, not by Coolify. ValueError where no text exists
    that they all read alike.
    """
    if is_bare(value):
        return value
    if _CONTROL.search(value):
        raise ValueError("holds a control character")
    if "${" in value:
        raise ValueError("holds ${, which python-dotenv expands under every quoting")
    if "'" not in value:
        if "\\\\" in value or value.endswith("\\"):
            raise ValueError("holds a pair of backslashes, or one at its end")
        return f"'{value}'"
    if re.search(r"[$`\\]", value):
        raise ValueError("holds a ' together with $, ` or a backslash")
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'


def compose(value: str) -> str:
    """A value in a compose file that is not to be interpolated."""
    return value.replace("$", "$$")


def yaml(value: str) -> str:
    """A scalar that YAML 1.1 and 1.2 take for this text: plain when it clearly is one, else in double quotes."""
    if _PLAIN_YAML.fullmatch(value):
        return value
    return quoted(value)


def quoted(value: str) -> str:
    """A YAML scalar that is a text whatever stands in it, in double quotes and one line."""
    return f'"{"".join(map(_yaml_character, value))}"'


def _yaml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character in "\n\t":
        return "\\n" if character == "\n" else "\\t"
    # the escapes of JSON would break a character beyond 16 bits in two
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def caddy(value: str) -> str:
    """A Caddyfile token. ValueError for braces: in literal text Caddy replaces `{...}` (measured), and for NUL."""
    if _BARE_CADDY.fullmatch(value):
        return value
    if re.search(r"[{}\x00]", value):
        raise ValueError("holds a brace or NUL")
    if "`" not in value:
        return f"`{value}`"
    if re.search(r'["\\]', value):
        raise ValueError("holds a ` together with a quote or a backslash")
    return f'"{value}"'


def php(value: object) -> str:
    """A literal of PHP: a text as it is, everything else as the text of its JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def shell(value: str) -> str:
    """One word of a POSIX shell."""
    return value if _BARE_SHELL.fullmatch(value) else "'" + value.replace("'", "'\\''") + "'"
